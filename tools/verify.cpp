#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "tools/command_line.hpp"
#include "tools/commands.hpp"
#include "tools/verify_checks.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

// float32 as the golden files' README allows it; float64 with the stored RoPE table; bf16 by PyTorch's own errors in it
// (README, "Measured"), with states and gradients for the record.
Tolerances tolerances_of(DType dtype, bool branches) {
  constexpr double any = std::numeric_limits<double>::infinity();
  if (dtype == DType::f64) return {1e-11, 1e-11, 1e-11, 1e-11};
  if (dtype == DType::bf16) return {branches ? 1.1e-1 : 1.8e-1, any, any, 5e-2};
  return {5e-5, 5e-5, branches ? 1e-4 : 2e-4, 1e-5};
}

}  // namespace

int run_verify(int argc, char** argv) {
  std::vector<std::string> files;
  std::string device, dtype_name;
  CommandLine line("verify", "GOLDEN.h5... [options]",
                   "Runs a golden file's model and compares every number in it with what a reference implementation\n"
                   "computed in float64. Exit code 1 when an error is past its tolerance.");
  auto add = line.option();
  add("device", po::value(&device)->default_value("cpu"), "where to compute: cpu");
  add("dtype", po::value(&dtype_name)->default_value("f32"), "precision: f32, f64 or bf16");
  line.positional(files, 1, SIZE_MAX, "at least one golden file");
  if (!line.parse(argc, argv)) return 0;
  if (device != "cpu") throw UsageError(fmt::format("--device: expected cpu, found '{}'", device));
  const DType dtype = parse_option("dtype", [&] { return parse_dtype(dtype_name); });
  bool passed = true;
  for (const std::string& path : files) {
    const GoldenFile golden(path);
    const Tolerances tolerances = tolerances_of(dtype, golden.has_branches());
    VerifyReport report;
    if (golden.has("input_ids")) verify_forward(golden, dtype, tolerances, report);
    if (golden.has("generation")) verify_generation(golden, dtype, tolerances, report);
    if (golden.has("adaptive")) verify_adaptive(golden, dtype, tolerances, report);
    std::cout << path << " (" << name_of(dtype) << "): " << (report.passed() ? "passed" : "FAILED") << '\n'
              << report.table(isatty(STDOUT_FILENO) != 0) << '\n';
    passed = passed && report.passed();
  }
  return passed ? 0 : 1;
}

}  // namespace modr::tools
