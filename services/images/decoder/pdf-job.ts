/** A page in points (1/72 inch), cropped and rotated as viewers show it. */
export interface PageSize { width: number, height: number }

/** The jobs of `pdf-thread.ts`. Pages are numbered from 1. */
export type PdfJob =
  | { type: 'measure', pages: number[] }
  | { type: 'render', page: number, width: number, height: number }

/** The results of the jobs, by their type. */
export interface PdfResults {
  /** The number of all pages, and the size of each page of the job; null for a page that cannot be read. */
  measure: { pages: number, sizes: Array<PageSize | null> }
  /** RGBX, 4 bytes for each pixel. */
  render: Uint8Array<ArrayBuffer>
}
