// modr inspect: what a checkpoint holds.
#include <fmt/ostream.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include "base/error.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/summary.hpp"
#include "tools/commands.hpp"
#include "tools/config_lines.hpp"
#include "tools/inspect_report.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

// alpha stands in the model's section on LoRA, wherever that is.
std::optional<double> find_lora_alpha(const CheckpointReader& reader) {
  for (const auto& [path, value] : config_lines(reader.info().config, reader.path().string())) {
    if (path != "lora.alpha" && !path.ends_with(".lora.alpha")) continue;
    double alpha = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), alpha);
    if (error == std::errc() && end == value.data() + value.size()) return alpha;
  }
  return std::nullopt;
}

}  // namespace

int run_inspect(int argc, char** argv) {
  std::string file;
  po::options_description options("options");
  auto add = options.add_options();
  add("help,h", "print this and exit");
  add("json", "print one JSON object");
  add("stats", "print minimum, maximum, mean and deviation of every tensor");
  add("digest", "print hashes of the weights and of the optimizer's state that do not depend on the layout");
  po::options_description all;
  all.add(options).add_options()("file", po::value(&file));
  po::positional_options_description positional;
  positional.add("file", 1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).run(), values);
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(fmt::format("modr inspect: {} (see modr inspect --help)", error.what()));
  }
  if (values.contains("help")) {
    fmt::print("usage: modr inspect FILE [options]\n"
               "Prints the configuration and the parameters of a checkpoint.\n\n{}",
               fmt::streamed(options));
    return 0;
  }
  if (file.empty()) throw UsageError("modr inspect: FILE is missing (see modr inspect --help)");
  const CheckpointReader reader(file);
  const bool digest = values.contains("digest");
  const InspectReport report{file,
                             std::filesystem::file_size(file),
                             reader.info(),
                             summarise(reader, digest),
                             find_lora_alpha(reader),
                             values.contains("stats"),
                             digest};
  fmt::print("{}", values.contains("json") ? to_json(report) : to_text(report, isatty(STDOUT_FILENO) == 1));
  return 0;
}

}  // namespace modr::tools
