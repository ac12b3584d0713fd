import { getContainerRuntimeClient, ImageName } from 'testcontainers';

/** Images of the containers that tests start; compose.yaml names the same ones. */
export const IMAGES = {
  postgres: 'postgres:17',
  minio: 'minio/minio:RELEASE.2025-09-07T16-13-09Z',
  localstack: 'localstack/localstack:4.4.0',
} as const;

/** What testcontainers itself starts, to remove containers that a killed run has left. */
const REAPER = 'testcontainers/ryuk:0.14.0';

/** What is asked of a container engine here. */
export interface Images {
  exists(name: ImageName): Promise<boolean>;
  pull(name: ImageName): Promise<void>;
}

/** The images of the container engine; undefined if none answers. */
export async function findImages(): Promise<Images | undefined> {
  return getContainerRuntimeClient().then(
    ({ image }) => image,
    () => undefined,
  );
}

/** The images that the tests of services need. */
export const SERVICE_IMAGES: readonly string[] = [REAPER, ...Object.values(IMAGES)];

/**
 * Why these images cannot be used here: no container engine answers, or one of them is neither there nor can be pulled.
 * undefined if they can.
 */
export async function whyNoImages(images: Images | undefined, wanted: readonly string[]): Promise<string | undefined> {
  if (images === undefined) return 'no container engine answers';
  for (const image of wanted) {
    const name = ImageName.fromString(image);
    if (await images.exists(name)) continue;
    const pulled = await images.pull(name).then(
      () => true,
      () => false,
    );
    if (!pulled) return `the image ${image} is not here and cannot be pulled`;
  }
  return undefined;
}
