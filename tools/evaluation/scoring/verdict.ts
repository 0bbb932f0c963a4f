/** A box of an answer, as the API returns it. */
export interface FoundBox {
  /** Index of the image in the conversation, from 0. */
  image: number
  label: string
  /** x1, y1, x2, y2 in pixels of the image as it was sent. */
  box: number[]
}

export interface Verdict {
  right: boolean
  /** The reason for a wrong verdict, or an empty string. */
  why: string
  /** For each expected box, the largest intersection over union with a found box of its image and label. */
  ious?: number[]
}
