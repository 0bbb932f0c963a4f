/** Why a PDF document cannot be rendered. Each completes `report.pdf cannot be decoded: …`. */
export const PDF_FAULTS = {
  noPages: { en: 'it has no pages', zh: '没有任何页面' },
  tooManyPages: (limit: number) => ({ en: `it has more than ${limit} pages`, zh: `页数超过 ${limit}` }),
  font: {
    en: 'its Chinese, Japanese or Korean fonts are not embedded, and the service has none',
    zh: '其中的中文、日文或韩文字体没有嵌入，而服务也没有这类字体'
  },
  encryption: { en: 'its encryption is not supported', zh: '其加密方式不受支持' }
}
