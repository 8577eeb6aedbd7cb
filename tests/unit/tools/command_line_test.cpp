#include "tools/cli/command_line.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "support/expect_error.hpp"

namespace modr::tools {
namespace {

namespace po = boost::program_options;

struct Values {
  std::vector<std::string> files;
  int64_t count = 5;
  uint64_t seed = 3;
  bool given = false;
};

Values parse(std::vector<std::string> arguments) {
  Values values;
  arguments.insert(arguments.begin(), "test");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  CommandLine line("test", "A", "Tests.");
  line.option()("count", po::value(&values.count)->default_value(values.count), "a number");
  line.option()("seed", unsigned_value("seed", values.seed), "a seed");
  line.positional(values.files, 1, 2, "one or two files");
  EXPECT_TRUE(line.parse(static_cast<int>(argv.size()), argv.data()));
  values.given = line.given("count");
  return values;
}

TEST(CommandLine, FillsTheVariables) {
  const Values values = parse({"a", "--count=-7", "--seed", "18446744073709551615", "b"});
  EXPECT_EQ(values.files, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(values.count, -7);
  EXPECT_EQ(values.seed, UINT64_MAX);
  EXPECT_TRUE(values.given);
}

TEST(CommandLine, KeepsDefaults) {
  const Values values = parse({"a"});
  EXPECT_EQ(values.count, 5);
  EXPECT_EQ(values.seed, 3u);
  EXPECT_FALSE(values.given);
}

TEST(CommandLine, WrongUseIsAUsageError) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"a", "b", "c"}, {"a", "--count", "x"}, {"a", "--count"}, {"a", "--cou", "1"},
        {"a", "--seed", "-1"}, {"a", "--seed", "1.5"}, {"a", "--seed", "18446744073709551616"}, {"a", "-x"}}) {
    EXPECT_THROW(parse(arguments), UsageError) << arguments.size();
  }
  expect_error([] { parse({"a", "--sede", "1"}); }, {"'--sede'; did you mean '--seed'?"});
  expect_error([] { parse({}); }, {"expected one or two files, found 0"});
}

Failure failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (...) {
    return current_failure("modr test");
  }
  return {"", 0};
}

TEST(CurrentFailure, GivesTextAndCode) {
  const Failure usage = failure_of([] { throw UsageError("no file"); });
  EXPECT_EQ(usage.text, "no file (see modr test --help)");
  EXPECT_EQ(usage.code, 2);
  const Failure error = failure_of([] { fail("a.h5: no such file"); });
  EXPECT_EQ(error.text, "a.h5: no such file");
  EXPECT_EQ(error.code, 1);
  EXPECT_EQ(failure_of([] { fail("a.yaml:1: x\ny\x1b[31m: unknown key"); }).text, 
            "a.yaml:1: x\\x0Ay\\x1B[31m: unknown key");
  EXPECT_EQ(failure_of([] { throw std::bad_alloc(); }).text, "out of memory");
  EXPECT_EQ(failure_of([] { throw std::runtime_error("odd"); }).text, "unexpected failure: odd");
  EXPECT_EQ(failure_of([] { throw std::runtime_error("odd"); }).code, 1);
}

}  // namespace
}  // namespace modr::tools
