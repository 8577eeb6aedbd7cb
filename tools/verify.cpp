#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/device_choice.hpp"
#include "tools/verify/compare.hpp"
#include "tools/verify/parts.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

// "input_ids, labels and 60 of weights/": what the computation was fed with.
std::string list_of_inputs(const GoldenFile& golden) {
  std::string text;
  int64_t weights = 0;
  for (const std::string& name : golden.inputs()) {
    if (name.starts_with("weights/"))
      ++weights;
    else
      text += name + ", ";
  }
  return fmt::format("{}{} of weights/", text, weights);
}

}  // namespace

int run_verify(int argc, char** argv) {
  std::vector<std::string> files;
  std::string device, dtype_name;
  CommandLine line(
      "verify", "GOLDEN.h5... [options]",
      "Runs a golden file's model and compares every number in it with what a reference implementation\n"
      "computed in float64. Exit code 1 when an error is past its tolerance, when the file lacks what one\n"
      "of its kind must hold, or when anything in it was neither compared nor an input.");
  auto add = line.option();
  add("device", po::value(&device)->default_value("cpu"), device_names);
  add("dtype", po::value(&dtype_name)->default_value("f32"), "precision: f32, f64 or bf16");
  line.positional(files, 1, SIZE_MAX, "at least one golden file");
  if (!line.parse(argc, argv)) return 0;
  const DType dtype = parse_option("dtype", [&] { return parse_dtype(dtype_name); });
  const TensorType type{dtype, choose_device(device)};
  bool passed = true;
  for (const std::string& path : files) {
    const GoldenFile golden(path);
    const Computed computed = compute_parts(golden, type);
    const VerifyReport report = compare(computed, read_reference(golden.file(), golden.inputs()));
    std::cout << path << " (" << name_of(dtype) << (type.device.is_cpu() ? "" : ", " + name_of(type.device))
              << "): " << (report.passed() ? "passed" : "FAILED") << '\n'
              << report.table(isatty(STDOUT_FILENO) != 0) << "inputs: " << list_of_inputs(golden) << "\n\n";
    passed = passed && report.passed();
  }
  return passed ? 0 : 1;
}

}  // namespace modr::tools
