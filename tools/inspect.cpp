// modr inspect: what a checkpoint holds.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "checkpoint/summary.hpp"
#include "checkpoint/verify.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/config_lines.hpp"
#include "tools/inspect/report.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

std::optional<double> find_lora_alpha(const CheckpointReader& reader) {
  const auto lines = config_lines(reader.info().config, reader.path().string());
  const auto line = lines.find("model.branches.lora_alpha");
  if (line == lines.end()) return std::nullopt;
  const std::string& text = line->second;
  double alpha = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), alpha);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(alpha) : std::nullopt;
}

// What the file could not be held against.
const char* missing_digests(const CheckpointVerification& found) {
  if (!found.has_digests) return " (of schema 1, which has no digests: of config and attributes only checksums)";
  if (!found.has_contents_digest) return " (of schema 2, which has no digest of config and attributes: only checksums)";
  return "";
}

// Prints what was found; 1 when the file is not as it was saved.
int verify(const std::string& file, bool as_json) {
  const CheckpointVerification found = verify_checkpoint(file);
  if (as_json) {
    const nlohmann::json result{{"file", file}, {"sound", found.problems.empty()}, {"problems", found.problems},
                                {"schema", found.schema}, {"tensors", found.num_tensors},
                                {"value_bytes", found.value_bytes}, {"has_digests", found.has_digests},
                                {"has_contents_digest", found.has_contents_digest},
                                {"digest", {{"weights", found.weights_digest}, {"optimizer", found.optimizer_digest}}}};
    fmt::print("{}\n", result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (found.problems.empty()) {
    fmt::print("{}: sound: {} tensors, {:.1f} MiB; checksums{} agree{}\n", file, found.num_tensors,
               static_cast<double>(found.value_bytes) / (1 << 20), found.has_digests ? " and digests" : "",
               missing_digests(found));
  } else {
    for (const std::string& problem : found.problems) fmt::print("{}\n", problem);
    fmt::print("{}: damaged: {} problem{}\n", file, found.problems.size(), found.problems.size() == 1 ? "" : "s");
  }
  return found.problems.empty() ? 0 : 1;
}

}  // namespace

int run_inspect(int argc, char** argv) {
  std::vector<std::string> files;
  bool json = false, stats = false, digest = false, check = false;
  CommandLine line("inspect", "FILE [options]",
                   "Prints the configuration and the parameters of a checkpoint. A run's folder: its latest one.");
  auto add = line.option();
  add("json", po::bool_switch(&json), "print one JSON object");
  add("stats", po::bool_switch(&stats), "print minimum, maximum, mean and deviation of every tensor");
  add("digest", po::bool_switch(&digest),
      "print hashes of the weights and of the optimizer's state that do not depend on the layout");
  add("verify", po::bool_switch(&check),
      "read all of it and compare checksums and digests; exit with 1 when the file is not as it was saved");
  line.positional(files, 1, 1, "one FILE");
  if (!line.parse(argc, argv)) return 0;
  const std::string file = checkpoint_file(files.front()).string();
  if (check) return verify(file, json);
  const CheckpointReader reader(file);
  const InspectReport report{file,
                             std::filesystem::file_size(file),
                             reader.info(),
                             summarise(reader, digest),
                             find_lora_alpha(reader),
                             stats,
                             digest};
  fmt::print("{}", json ? to_json(report) : to_text(report, isatty(STDOUT_FILENO) == 1));
  return 0;
}

}  // namespace modr::tools
