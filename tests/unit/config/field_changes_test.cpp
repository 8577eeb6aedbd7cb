#include "config/field_changes.hpp"

#include <gtest/gtest.h>

#include "config/map_reader.hpp"

namespace modr {
namespace {

TEST(FieldChanges, NameTheFieldWithBothValues) {
  RunConfig before;
  before.name = "a";
  EXPECT_TRUE(changed_fields(before, before).empty());
  RunConfig now = before;
  now.model.rope_base = 10000;
  now.model.branches.lora_alpha = 8;
  now.data.train = {"x.jsonl", "y.jsonl"};
  now.train.mode = TrainMode::modr;
  now.parallel.stages.coda = 2;
  const std::vector<FieldChange> changes = changed_fields(before, now);
  std::vector<std::string> paths;
  for (const FieldChange& change : changes) paths.push_back(change.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"model.rope_base", "model.branches.lora_alpha", "data.train", "train.mode",
                                             "parallel.stages.coda"}));
  EXPECT_EQ(changes[0].now, "10000");
  EXPECT_EQ(changes[2].before, "[]");
  EXPECT_EQ(changes[2].now, "[x.jsonl, y.jsonl]");
  EXPECT_EQ(changes[3].before, "pretrain");
  EXPECT_EQ(changes[3].now, "modr");
}

}  // namespace
}  // namespace modr
