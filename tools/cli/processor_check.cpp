// Compiled for the first x86-64 (see CMakeLists.txt), since it runs where the rest of the program cannot: before
// anything else it ends a build for another processor with a line of text rather than an illegal instruction.
#include <unistd.h>

#include <cstring>

#include "tools/cli/processor.hpp"

namespace modr::tools {

namespace {

uint32_t present_features() {
  __builtin_cpu_init();
  uint32_t all = 0;
  if (__builtin_cpu_supports("avx")) all |= feature_avx;
  if (__builtin_cpu_supports("avx2")) all |= feature_avx2;
  if (__builtin_cpu_supports("fma")) all |= feature_fma;
  if (__builtin_cpu_supports("bmi2")) all |= feature_bmi2;
  if (__builtin_cpu_supports("avx512f")) all |= feature_avx512f;
  if (__builtin_cpu_supports("avx512bw")) all |= feature_avx512bw;
  if (__builtin_cpu_supports("avx512dq")) all |= feature_avx512dq;
  if (__builtin_cpu_supports("avx512vl")) all |= feature_avx512vl;
  if (__builtin_cpu_supports("avx512bf16")) all |= feature_avx512bf16;
  return all;
}

void say(const char* text) { [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text)); }

__attribute__((constructor(101))) void check_processor() {
  const char* missing = missing_feature(built_features, present_features());
  if (missing == nullptr) return;
  say("modr: this build uses ");
  say(missing);
  say(", which this processor lacks: expected a build made on it, or for both with -DMODR_ARCH=x86-64-v3, say\n");
  _exit(1);
}

}  // namespace

}  // namespace modr::tools
