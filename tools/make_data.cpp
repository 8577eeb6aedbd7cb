// modr make-data: writes the project's own generated word problems.
#include <cstdio>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/text_table.hpp"
#include "dataset/word_problems.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

void print_summary(const std::vector<FamilySummary>& rows) {
  TextTable table({"family", "steps", "pretrain", "finetune", "test", "chance"}, {TextTable::Align::left});
  for (const FamilySummary& row : rows) {
    const auto [min, max] = std::pair(row.family->min_steps, row.family->max_steps);
    table.add({std::string(row.family->name), min == max ? fmt::format("{}", min) : fmt::format("{}-{}", min, max),
               fmt::format("{}", row.pretrain), fmt::format("{}", row.finetune), fmt::format("{}", row.test),
               fmt::format("{:.1f}%", 100 * row.chance)});
  }
  fmt::print("{}", table.text());
}

}  // namespace

int run_make_data(int argc, char** argv) {
  WordProblemConfig config;
  std::string folder;
  CommandLine line("make-data", "--output DIR [options]",
                   "Generates multi-step arithmetic word problems in GSM8K's format.");
  auto add = line.option();
  add("output,o", po::value(&folder)->value_name("DIR"), "folder to write to; it is made if it is missing");
  add("seed", unsigned_value("seed", config.seed), "the same seed and sizes give the same files");
  add("pretrain", po::value(&config.pretrain)->default_value(config.pretrain)->value_name("N"),
      "problems in pretrain.jsonl");
  add("finetune", po::value(&config.finetune)->default_value(config.finetune)->value_name("N"),
      "problems in finetune.jsonl");
  add("test", po::value(&config.test)->default_value(config.test)->value_name("N"),
      "problems in each test/<family>.jsonl");
  if (!line.parse(argc, argv)) return 0;
  if (folder.empty()) throw UsageError("expected --output DIR");
  try {
    config.validate();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  print_summary(write_word_problems(config, folder));
  return 0;
}

}  // namespace modr::tools
