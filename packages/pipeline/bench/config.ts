/** Vulkan's driver, if one is chosen. */
export const vulkanDriver: string | undefined = process.env.VK_ICD_FILENAMES;
