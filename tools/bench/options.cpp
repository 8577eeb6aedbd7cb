#include "tools/bench/options.hpp"

#include <omp.h>

#include <charconv>
#include <functional>

#include "base/text.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

void check_from(const std::string& option, int64_t value, int64_t low) {
  if (value < low)
    throw UsageError(fmt::format("--{}: expected a number of at least {}, found {}", option, low, value));
}

po::typed_value<int64_t>* number_from(const std::string& option, int64_t& number, int64_t low) {
  return po::value(&number)->value_name("N")->default_value(number)->notifier(
      [option, low](int64_t value) { check_from(option, value, low); });
}

}  // namespace

void check_positive(const std::string& option, int64_t value) { check_from(option, value, 1); }

po::typed_value<int64_t>* positive_value(const std::string& option, int64_t& number) {
  return number_from(option, number, 1);
}

po::typed_value<int64_t>* count_value(const std::string& option, int64_t& number) {
  return number_from(option, number, 0);
}

po::typed_value<std::string>* numbers_value(const std::string& option, std::vector<int64_t>& numbers) {
  const auto parse = [option, &numbers](const std::string& list) {
    numbers.clear();
    for (const std::string_view text : split(list, ',')) {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size())
        throw UsageError(fmt::format("--{}: expected whole numbers such as 1,4,16, found '{}'", option, text));
      check_positive(option, number);
      numbers.push_back(number);
    }
  };
  return po::value<std::string>()
      ->value_name("N,...")
      ->default_value(fmt::format("{}", fmt::join(numbers, ",")))
      ->notifier(parse);
}

po::typed_value<std::string>* dtype_value(DType& dtype) {
  const auto parse = [&dtype](const std::string& name) {
    if (name != "f32" && name != "bf16")
      throw UsageError(fmt::format("--dtype: expected f32 or bf16, found '{}'", name));
    dtype = name == "f32" ? DType::f32 : DType::bf16;
  };
  return po::value<std::string>()->value_name("NAME")->default_value(std::string(name_of(dtype)))->notifier(parse);
}

void BenchFormatOptions::add_to(CommandLine& line) {
  line.option()("json", po::bool_switch(&json_), "prints JSON in place of tables, with all digits")(
      "markdown", po::bool_switch(&markdown_), "prints the tables as Markdown");
}

BenchFormat BenchFormatOptions::chosen() const {
  if (json_ && markdown_) throw UsageError("--json and --markdown: expected one of them");
  return json_ ? BenchFormat::json : markdown_ ? BenchFormat::markdown : BenchFormat::text;
}

void add_threads_option(CommandLine& line) {
  const std::function<void(const int&)> set = [](int threads) {
    check_positive("threads", threads);
    omp_set_num_threads(threads);
  };
  line.option()("threads", po::value<int>()->value_name("N")->notifier(set),
                "threads a rank (without it: OMP_NUM_THREADS, or all cores)");
}

int64_t threads_in_use() { return omp_get_max_threads(); }

}  // namespace modr::tools
