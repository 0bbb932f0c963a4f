/** The tags of a function in a call in XML. Its name and `>` follow the opening tag. */
export const FUNCTION = { open: '<function=', close: '</function>' } as const
/** The tags of a parameter within a function. Its name and `>` follow the opening tag. */
export const PARAMETER = { open: '<parameter=', close: '</parameter>' } as const
