/** An image inside a JSON body. */
export interface ImageSource {
  /** Its place in the body, e.g. `images[0]`, for errors. */
  field: string
  /** A data URI or, if `remote`, perhaps an http(s) URL. */
  uri: string
  /** Whether an http(s) URL is accepted. */
  remote: boolean
}
