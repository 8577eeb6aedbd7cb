#pragma once
// Options that several benchmarks have.
#include <boost/program_options.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"
#include "tools/bench/table.hpp"
#include "tools/cli/command_line.hpp"

namespace modr::tools {

/// Throws UsageError for a value below 1.
void check_positive(const std::string& option, int64_t value);

/// A number from 1 on as an option; what the variable holds is its default.
boost::program_options::typed_value<int64_t>* positive_value(const std::string& option, int64_t& number);
/// The same from 0 on.
boost::program_options::typed_value<int64_t>* count_value(const std::string& option, int64_t& number);
/// A list of numbers from 1 on as an option, "1,4,16"; what the variable holds is its default.
boost::program_options::typed_value<std::string>* numbers_value(const std::string& option,
                                                                std::vector<int64_t>& numbers);
/// f32 or bf16; what the variable holds is its default.
boost::program_options::typed_value<std::string>* dtype_value(DType& dtype);

/// --json and --markdown.
class BenchFormatOptions {
 public:
  void add_to(CommandLine& line);
  /// After parsing. Throws UsageError when both were given.
  BenchFormat chosen() const;

 private:
  bool json_ = false, markdown_ = false;
};

/// --threads: from its parsing on, loops and products run on so many threads; not given: on those of OMP_NUM_THREADS,
/// or all cores.
void add_threads_option(CommandLine& line);
/// Threads that products and loops of this process run on.
int64_t threads_in_use();

}  // namespace modr::tools
