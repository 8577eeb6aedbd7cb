#pragma once
#include <cstdint>

namespace modr::tools {

/// Instruction sets beyond x86-64's first that a compiler may have been told to use (-march, MODR_ARCH).
enum ProcessorFeature : uint32_t {
  feature_avx = 1, feature_avx2 = 2, feature_fma = 4, feature_bmi2 = 8, feature_avx512f = 16, feature_avx512bw = 32,
  feature_avx512dq = 64, feature_avx512vl = 128, feature_avx512bf16 = 256
};

/// Those this build uses; a constant, so that it can be read before anything else runs.
extern const uint32_t built_features;

/// Features by the names of /proc/cpuinfo.
struct NamedFeature {
  uint32_t feature;
  const char* name;
};
static constexpr NamedFeature names[] = {
    {feature_avx, "avx"},           {feature_avx2, "avx2"},         {feature_fma, "fma"},
    {feature_bmi2, "bmi2"},         {feature_avx512f, "avx512f"},   {feature_avx512bw, "avx512bw"},
    {feature_avx512dq, "avx512dq"}, {feature_avx512vl, "avx512vl"}, {feature_avx512bf16, "avx512_bf16"}};

/// The name of the first of `needed` that `present` lacks; null when it has all. Each file compiles its own copy, since
/// the one that checks may use none of them.
static constexpr const char* missing_feature(uint32_t needed, uint32_t present) {
  for (const NamedFeature& each : names)
    if ((needed & ~present & each.feature) != 0) return each.name;
  return nullptr;
}

}  // namespace modr::tools
