#pragma once
// Private to this room: names of objects and attributes in checkpoints.

namespace modr {

inline constexpr const char* kWeights = "weights/";
inline constexpr const char* kOptimizer = "optimizer/";
inline constexpr const char* kConfig = "config";
inline constexpr const char* kGuard = "guard";
/// Of a dataset: [chunks, 2] sums (ValueSums) of the values of each chunk, in the order of ChunkGrid.
inline constexpr const char* kChunkSums = "chunk_sums";
/// Of the file: Digest::hex() of all weights, and of the optimizer's state.
inline constexpr const char* kWeightsDigest = "weights_digest";
inline constexpr const char* kOptimizerDigest = "optimizer_digest";
/// Of the file: contents_digest().hex().
inline constexpr const char* kContentsDigest = "contents_digest";

}  // namespace modr
