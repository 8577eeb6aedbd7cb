#include "comm/tag.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace modr {
namespace {

Tag gradients() {
  return {.operation = Operation::all_reduce,
          .unit = Unit::f32,
          .count = 4096,
          .group = 7,
          .group_name = "branch",
          .sequence = 812,
          .activity = {.phase = "gradients", .step = 5}};
}

TEST(Tag, HashTellsApartWhateverRanksMustAgreeOn) {
  const std::vector<std::function<void(Tag&)>> changes{
      [](Tag& tag) { tag.operation = Operation::broadcast; },
      [](Tag& tag) { tag.unit = Unit::f64; },
      [](Tag& tag) { tag.reduce_op = ReduceOp::max; },
      [](Tag& tag) { tag.peer = 0; },
      [](Tag& tag) { tag.count = 4097; },
      [](Tag& tag) { tag.sequence = 813; },
      [](Tag& tag) { tag.activity.phase[8] = 'z'; },
      [](Tag& tag) { tag.activity.step = 6; },
      [](Tag& tag) { tag.activity.recurrence = 0; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Tag changed = gradients();
    changes[i](changed);
    EXPECT_NE(hash_of(changed), hash_of(gradients())) << i;
  }
  Tag labelled = gradients();
  labelled.label = 3;
  EXPECT_EQ(hash_of(labelled), hash_of(gradients()));
}

TEST(Tag, TellsTheCallWithAllThatMustAgree) {
  Tag tag = gradients();
  EXPECT_EQ(describe(tag), "all_reduce of 4096 f32 (gradients, step 5)");
  EXPECT_EQ(describe_place(tag), "collective 812, all_reduce of 4096 f32 (gradients, step 5), of group 'branch'");
  tag.reduce_op = ReduceOp::max;
  tag.activity = {};
  EXPECT_EQ(describe(tag), "all_reduce of 4096 f32 by max");
  tag = {.operation = Operation::broadcast, .unit = Unit::bytes, .peer = 2, .count = 0};
  EXPECT_EQ(describe(tag), "broadcast of 0 bytes from rank 2");
  tag = {.operation = Operation::gather, .unit = Unit::bytes, .peer = 2};
  EXPECT_EQ(describe(tag), "gather to rank 2");
  EXPECT_EQ(describe(Tag{.operation = Operation::barrier}), "barrier");
}

TEST(Tag, TellsMessagesWithTheirLabel) {
  Tag tag{.operation = Operation::send, .unit = Unit::bytes, .peer = 3, .count = 2048, .label = 1};
  EXPECT_EQ(describe(tag), "send of 2048 bytes with label 1 to rank 3");
  tag.operation = Operation::receive;
  tag.activity = {.phase = "forward", .step = 2, .recurrence = 4};
  EXPECT_EQ(describe_place(tag),
            "receive of 2048 bytes with label 1 from rank 3 (forward, step 2, recurrence 4), of group ''");
}

TEST(Tag, TellsAnActivityAsFarAsItIsKnown) {
  EXPECT_EQ(describe(Activity{}), "");
  EXPECT_EQ(describe(Activity{.step = 0}), "step 0");
  EXPECT_EQ(describe(Activity{.phase = "route", .recurrence = 1}), "route, recurrence 1");
}

}  // namespace
}  // namespace modr
