/** Why a PDF document cannot be rendered. Each completes `report.pdf cannot be decoded: …`. */
export const PDF_FAULTS = {
  noPages: { en: 'it has no pages', zh: '没有任何页面' },
  tooManyPages: (limit: number) => ({ en: `it has more than ${limit} pages`, zh: `页数超过 ${limit}` }),
  encryption: { en: 'its encryption is not supported', zh: '其加密方式不受支持' }
}
