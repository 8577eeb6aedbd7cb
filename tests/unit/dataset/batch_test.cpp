#include "dataset/batch.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace modr {
namespace {

const std::vector<Example> kExamples = {{{1, 2, 3}, {2, 3, 4}}, {{5}, {6}}, {{7, 8}, {kIgnoreLabel, 9}}};

TEST(MakeBatch, PadsRowsOnTheRight) {
  const std::vector<SampleRef> samples = {{10, 2}, {11, 0}};
  const Batch batch = make_batch(kExamples, samples, {.pad_id = 99, .multiple = 4});
  EXPECT_EQ(batch.batch, 2);
  EXPECT_EQ(batch.seq, 4);
  EXPECT_EQ(batch.ids, (std::vector<int32_t>{7, 8, 99, 99, 1, 2, 3, 99}));
  EXPECT_EQ(batch.labels, (std::vector<int32_t>{-100, 9, -100, -100, 2, 3, 4, -100}));
  EXPECT_EQ(batch.mask, (std::vector<uint8_t>{1, 1, 0, 0, 1, 1, 1, 0}));
  EXPECT_EQ(batch.samples, samples);
  EXPECT_EQ(batch.num_labels(), 4);
}

TEST(MakeBatch, KnowsTheDocumentsOfEachRow) {
  const std::vector<Example> rows = {{{1, 2, 3}, {2, 3, 4}, {1, 2}}, {{5}, {6}}, {{7, 8, 9}, {8, 9, 7}, {3}}};
  const std::vector<SampleRef> samples = {{10, 0}, {11, 1}, {12, 2}};
  const Batch batch = make_batch(rows, samples, {.multiple = 4});
  EXPECT_EQ(batch.documents, (std::vector<int64_t>{0, 1, 4, 8, 12}));  // padding goes to a row's last one
  EXPECT_EQ(batch.keys, (std::vector<uint64_t>{10, (uint64_t{1} << 40) + 10, 11, 12}));
  EXPECT_EQ(make_batch(rows, {}, {}).documents, (std::vector<int64_t>{0}));
  const std::vector<Example> wrong = {{{1, 2, 3}, {2, 3, 4}, {1, 1}}};
  EXPECT_THROW(make_batch(wrong, std::vector<SampleRef>{{0, 0}}, {}), Error);
}

TEST(MakeBatch, FollowsTheLayout) {
  const std::vector<SampleRef> samples = {{0, 1}};
  EXPECT_EQ(make_batch(kExamples, samples, {}).seq, 1);
  EXPECT_EQ(make_batch(kExamples, samples, {.multiple = 8}).seq, 8);
  EXPECT_EQ(make_batch(kExamples, samples, {.multiple = 4, .min_seq = 9}).seq, 12);
  EXPECT_EQ(make_batch(kExamples, samples, {.multiple = 8, .max_seq = 6}).seq, 6);
}

TEST(MakeBatch, EmptyAndWrongSamples) {
  const Batch empty = make_batch(kExamples, {}, {});
  EXPECT_EQ(empty.batch, 0);
  EXPECT_EQ(empty.seq, 1);
  EXPECT_EQ(empty.num_labels(), 0);
  for (int64_t index : {-1, 3}) {
    const std::vector<SampleRef> samples = {{0, index}};
    EXPECT_THROW(make_batch(kExamples, samples, {}), Error);
  }
}

}  // namespace
}  // namespace modr
