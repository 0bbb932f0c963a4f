/** Why a PDF document cannot be rendered. Each completes `report.pdf cannot be decoded: …`. */
export const PDF_FAULTS = {
  noPages: { en: 'it has no pages', zh: '没有任何页面' },
  tooManyPages: (limit: number) => ({ en: `it has more than ${limit} pages`, zh: `页数超过 ${limit}` }),
  encryption: { en: 'its encryption is not supported', zh: '其加密方式不受支持' },
  slow: (seconds: number) => ({ en: `it takes longer than ${seconds} seconds`, zh: `用时超过 ${seconds} 秒` }),
  memory: (mebibytes: number) => ({
    en: `it needs more than ${mebibytes} MiB of memory`, zh: `需要的内存超过 ${mebibytes} MiB`
  })
}
