#include "tools/cli/processor.hpp"

#include <gtest/gtest.h>

namespace modr::tools {
namespace {

TEST(Processor, NamesWhatABuildNeedsAndTheProcessorLacks) {
  EXPECT_EQ(missing_feature(0, 0), nullptr);
  EXPECT_EQ(missing_feature(feature_avx2, feature_avx | feature_avx2), nullptr);
  EXPECT_STREQ(missing_feature(feature_avx2 | feature_avx512bf16, feature_avx2), "avx512_bf16");
  EXPECT_STREQ(missing_feature(feature_avx512f, 0), "avx512f");
  EXPECT_EQ(missing_feature(built_features, built_features), nullptr);
}

}  // namespace
}  // namespace modr::tools
