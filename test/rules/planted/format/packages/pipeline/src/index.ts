export const a = "double quotes"
