#include "dataset/config.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace modr {
namespace {

std::string message_of(const DatasetConfig& config) {
  try {
    config.validate();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(DatasetConfig, NamesTheFieldAtFault) {
  EXPECT_EQ(message_of({.train = {"a.jsonl"}}), "");
  EXPECT_EQ(message_of({}), "data.train: expected at least one file, found none");
  EXPECT_EQ(message_of({.train = {"a", ""}}), "data.train[1]: expected a file's path, found an empty text");
  EXPECT_EQ(message_of({.train = {"a"}, .max_seq_len = 1}), "data.max_seq_len: expected at least 2, found 1");
  EXPECT_EQ(message_of({.train = {"a"}, .pad_multiple = 0}), "data.pad_multiple: expected at least 1, found 0");
}

TEST(DatasetConfig, NamesAndParsersAreInverse) {
  for (auto format : {DataFormat::automatic, DataFormat::gsm8k, DataFormat::llm_adapters, DataFormat::aqua})
    EXPECT_EQ(parse_data_format(name_of(format)), format);
  for (auto style : {PromptStyle::plain, PromptStyle::chat}) EXPECT_EQ(parse_prompt_style(name_of(style)), style);
  for (auto loss_on : {LossOn::all, LossOn::answer}) EXPECT_EQ(parse_loss_on(name_of(loss_on)), loss_on);
  for (auto packing : {Packing::none, Packing::pack}) EXPECT_EQ(parse_packing(name_of(packing)), packing);
  try {
    parse_loss_on("answers");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "loss_on: expected one of all, answer, found 'answers'");
  }
}

}  // namespace
}  // namespace modr
