/** An image of a JSON body. */
export interface ImageSource {
  /** Its place in the body, e.g. `images[0]`, for errors. */
  field: string
  /**
   * The text at this place. For an image that arrived with the body it is a reference (`Upload.referTo`). If `remote`,
   * it may be an http(s) URL.
   */
  uri: string
  /** Whether an http(s) URL is accepted. */
  remote: boolean
  /** The name that the client gave the file. */
  filename?: string
}
