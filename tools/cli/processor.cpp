#include "tools/cli/processor.hpp"

namespace modr::tools {

namespace {

// What the compiler's flags for this file, which are everybody's, allow.
constexpr uint32_t features() {
  uint32_t all = 0;
#ifdef __AVX__
  all |= feature_avx;
#endif
#ifdef __AVX2__
  all |= feature_avx2;
#endif
#ifdef __FMA__
  all |= feature_fma;
#endif
#ifdef __BMI2__
  all |= feature_bmi2;
#endif
#ifdef __AVX512F__
  all |= feature_avx512f;
#endif
#ifdef __AVX512BW__
  all |= feature_avx512bw;
#endif
#ifdef __AVX512DQ__
  all |= feature_avx512dq;
#endif
#ifdef __AVX512VL__
  all |= feature_avx512vl;
#endif
#ifdef __AVX512BF16__
  all |= feature_avx512bf16;
#endif
  return all;
}

}  // namespace

constinit const uint32_t built_features = features();

}  // namespace modr::tools
