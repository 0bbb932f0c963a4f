export * from '../tools/lib/make-pdf.ts'
