import { z } from 'zod';

const count = z.int().min(0);
const width = z.int().min(1);

/** Weights that a stage of an edit reads. */
const weightsSchema = z.object({
  parameters: count,
  /** In the checkpoint's files. */
  bytes: count,
  /** Bytes by type, as `BF16`. */
  dtypes: z.record(z.string(), count),
  /** Elements of the largest tensor of a layer that is not stored in fp32: it is widened when it is used. 0 if all are fp32. */
  largest_widened: count,
});
export type WeightsShape = Readonly<z.output<typeof weightsSchema>>;

/**
 * What the cost of an edit depends on, as plain numbers: widths, layers and weights of a checkpoint's networks. Read from its
 * configurations and the headers of its weight files, so that nothing of 57 GB has to be loaded, or even to be there.
 */
export const modelShapeSchema = z.object({
  transformer: z.object({
    layers: width,
    hidden_size: width,
    heads: width,
    /** Channels of a packed latent. */
    in_channels: width,
    /** Width of the text encoder's states. */
    joint_attention_dim: width,
    weights: weightsSchema,
    /** Of these, the weights of the blocks' modulations: a third of the real model's, used for two rows a pass. */
    modulation: z.object({ parameters: count, bytes: count }),
  }),
  language: z.object({
    layers: width,
    hidden_size: width,
    intermediate_size: width,
    heads: width,
    key_value_heads: width,
    weights: weightsSchema,
    /** The table of token embeddings, of which only the rows in use are read. */
    embedding_bytes: count,
  }),
  vision: z.object({
    layers: width,
    hidden_size: width,
    intermediate_size: width,
    heads: width,
    patch_size: width,
    temporal_patch_size: width,
    merge_size: width,
    window_size: width,
    /** Layers whose attention is over all patches. */
    full_attention_layers: count,
    /** Pixels of a picture, by the processor. */
    min_pixels: width,
    max_pixels: width,
    weights: weightsSchema,
  }),
  vae: z.object({
    z_dim: width,
    base_dim: width,
    dim_mult: z.array(width),
    num_res_blocks: width,
    attn_scales: z.array(z.number()),
    /** Pixels over latents, along a side. */
    factor: width,
    weights: weightsSchema,
  }),
  /** Weights in the files that no edit reads, as the text encoder's lm_head. */
  unused_bytes: count,
});
export type ModelShape = Readonly<z.output<typeof modelShapeSchema>>;

/** What a worker has for a model. */
export const machineFactsSchema = z.object({
  /** Memory that it may use, limits of its container counted. */
  memory_bytes: count,
  /** Memory of its device that it may use, if that has its own and it is known. */
  device_memory_bytes: count.optional(),
  threads: width,
});
export type MachineFacts = Readonly<z.output<typeof machineFactsSchema>>;
