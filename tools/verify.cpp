#include <unistd.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <iostream>

#include "base/error.hpp"
#include "tools/commands.hpp"
#include "tools/verify_checks.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

// float32 as the golden files' README allows it; float64 with the stored RoPE table.
Tolerances tolerances_of(DType dtype, bool branches) {
  if (dtype == DType::f64) return {1e-11, 1e-11, 1e-11};
  return {5e-5, branches ? 1e-4 : 2e-4, 1e-5};
}

}  // namespace

int run_verify(int argc, char** argv) {
  po::options_description options("Options");
  options.add_options()("help", "show this text")("file", po::value<std::vector<std::string>>(), "golden files")(
      "device", po::value<std::string>()->default_value("cpu"), "where to compute: cpu")(
      "dtype", po::value<std::string>()->default_value("f32"), "precision: f32 or f64");
  po::positional_options_description positional;
  positional.add("file", -1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(argc, argv).options(options).positional(positional).run(), values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  if (values.count("help") != 0) {
    std::cout << "usage: modr verify GOLDEN.h5... [options]\n\n"
                 "Runs a golden file's model and compares every number in it with what a reference implementation\n"
                 "computed in float64. Exit code 1 when an error is past its tolerance.\n\n"
              << options;
    return 0;
  }
  if (values.count("file") == 0) throw UsageError("expected at least one golden file");
  if (values["device"].as<std::string>() != "cpu")
    throw UsageError("--device: expected cpu, found '" + values["device"].as<std::string>() + "'");
  const DType dtype = parse_dtype(values["dtype"].as<std::string>());
  bool passed = true;
  for (const std::string& path : values["file"].as<std::vector<std::string>>()) {
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
