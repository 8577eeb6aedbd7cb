#include "train/step_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/tiny_job.hpp"

namespace modr {
namespace {

StepPlan plan_of(int64_t samples) {
  StepPlan plan;
  for (int64_t i = 0; i < samples; ++i) plan.samples.push_back({100 + i, (i * 7) % 30});
  return plan;
}

TEST(DealMicrobatches, GivesEverySampleToOneReplicaOnce) {
  const TrainData data = testing::tiny_data(30);
  for (const int64_t samples : {1, 3, 7, 24})
    for (const int64_t replicas : {1, 2, 5})
      for (const int64_t lanes : {1, 2, 3})
        for (const int64_t largest : {1, 2, 16}) {
          std::set<int64_t> seen;
          for (int64_t replica = 0; replica < replicas; ++replica) {
            const auto microbatches =
                deal_microbatches(plan_of(samples), data.set, {replica, replicas, lanes, largest});
            EXPECT_EQ(std::ssize(microbatches) % lanes, 0);
            EXPECT_GE(std::ssize(microbatches), lanes);
            for (const Microbatch& microbatch : microbatches) {
              EXPECT_LE(std::ssize(microbatch), largest);
              for (const SampleRef& sample : microbatch) EXPECT_TRUE(seen.insert(sample.number).second);
            }
          }
          EXPECT_EQ(std::ssize(seen), samples);
        }
}

TEST(DealMicrobatches, SortsByLengthAndCutsEvenly) {
  const TrainData data = testing::tiny_data(30);
  const auto microbatches = deal_microbatches(plan_of(10), data.set, {0, 1, 2, 3});
  ASSERT_EQ(microbatches.size(), 4u);  // ten in parts of at most three: four parts, two for each lane
  std::vector<std::size_t> lengths;
  for (const Microbatch& microbatch : microbatches) {
    EXPECT_GE(microbatch.size(), 2u);
    for (const SampleRef& sample : microbatch)
      lengths.push_back(data.set.rows[static_cast<std::size_t>(sample.index)].tokens.size());
  }
  EXPECT_TRUE(std::ranges::is_sorted(lengths));
}

TEST(DescribeSamples, NamesRowsAndOfAFewTheirPlaces) {
  TrainingSet set;
  for (int i = 0; i < 200; ++i) set.places.push_back(fmt::format("a.jsonl:{}", i + 1));
  EXPECT_EQ(describe(std::vector<SampleRef>{{77, 5}, {78, 0}}, set), "rows 5 (a.jsonl:6), 0 (a.jsonl:1)");
  EXPECT_EQ(describe(std::vector<SampleRef>{{77, 5}}, TrainingSet{}), "row 5");
  std::vector<SampleRef> many;
  for (int64_t i = 0; i < 66; ++i) many.push_back({i, 100 + i});
  const std::string text = describe(many, set);
  EXPECT_TRUE(text.starts_with("rows 100, 101, 102, ")) << text;
  EXPECT_TRUE(text.ends_with(", 162, 163 and 2 more")) << text;
}

}  // namespace
}  // namespace modr
