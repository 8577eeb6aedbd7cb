#include "base/nearest_name.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace modr {
namespace {

const std::vector<std::string> kNames{"n_embd", "n_heads", "vocab_size", "lr"};

TEST(NearestName, FindsWhatIsOneOrTwoEditsAway) {
  EXPECT_EQ(nearest_name("n_head", kNames), "n_heads");      // missing letter
  EXPECT_EQ(nearest_name("n_emdb", kNames), "n_embd");       // two neighbours swapped
  EXPECT_EQ(nearest_name("vocabsizes", kNames), "vocab_size");
  EXPECT_EQ(nearest_name("Lr", kNames), "lr");
}

TEST(NearestName, FindsNothingForSomethingElse) {
  EXPECT_EQ(nearest_name("rope_base", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("n_head", {}), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(100'000, 'x'), kNames), std::nullopt);
}

TEST(NearestName, MakesAHint) {
  EXPECT_EQ(did_you_mean("n_head", kNames), "; did you mean 'n_heads'?");
  EXPECT_EQ(did_you_mean("rope_base", kNames), "");
}

}  // namespace
}  // namespace modr
