#include "dataset/jsonl.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/error.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

// The message that reading `text` throws, with the folder's name cut off.
std::string message_for(const std::string& text, DataFormat format = DataFormat::automatic) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("data.json", text);
  try {
    read_problems(path, format);
  } catch (const Error& error) {
    const std::string message = error.what();
    const std::string prefix = folder.path().string() + "/";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    return message.substr(std::min(prefix.size(), message.size()));
  }
  return "no error";
}

std::vector<Problem> problems_of(const std::string& text, DataFormat format = DataFormat::automatic) {
  const TemporaryFolder folder;
  return read_problems(folder.write("data", text), format);
}

TEST(ReadProblems, AByteOrderMarkInFront) {
  const std::string mark = "\xEF\xBB\xBF", record = R"({"question": "Q", "answer": "#### 5"})";
  for (const std::string& text : {mark + "[" + record + "]", mark + record, mark + "\n" + record + "\n",
                                  mark + " [\n" + record + "]"}) {
    const auto problems = problems_of(text);
    ASSERT_EQ(problems.size(), 1u) << text;
    EXPECT_EQ(problems[0].gold, "5");
  }
  EXPECT_EQ(message_for(mark + "[" + record + ",\n3]"), "data.json: record 2: expected a JSON object, found number");
  EXPECT_EQ(message_for("\xFF\xFE["), "data.json: expected UTF-8, found the byte order mark of UTF-16 or UTF-32");
}

TEST(ReadProblems, Gsm8kLines) {
  const auto problems = problems_of(
      "{\"question\": \" How many? \", \"answer\": \"3+4=<<3+4=7>>7\\n#### 70,007\\n\"}\r\n\n"
      "{\"question\": \"Q\", \"answer\": \"#### -2\", \"family\": \"loss\"}");
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].question, "How many?");
  EXPECT_EQ(problems[0].solution, "3+4=<<3+4=7>>7\n#### 70,007");
  EXPECT_EQ(problems[0].gold, "70007");
  EXPECT_EQ(problems[0].family, "");
  EXPECT_EQ(problems[1].gold, "-2");
  EXPECT_EQ(problems[1].family, "loss");
  EXPECT_TRUE(problems[1].place.ends_with("data:3")) << problems[1].place;
}

TEST(ReadProblems, LlmAdaptersArray) {
  const auto problems = problems_of(
      R"([{"instruction": "Is it?", "input": "", "output": "the correct answer is true", "answer": "true"},
          {"instruction": "Do", "input": "this", "output": "", "answer": "12.0"}])");
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].question, "Is it?");
  EXPECT_EQ(problems[0].solution, "the correct answer is true");
  EXPECT_EQ(problems[0].gold, "true");
  EXPECT_EQ(problems[1].question, "Do\nthis");
  EXPECT_TRUE(problems[1].place.ends_with("data: record 2"));
}

TEST(ReadProblems, AquaLines) {
  const auto problems =
      problems_of(R"({"question": "Q?", "options": ["A)3", "B) 4 m"], "rationale": "so A", "correct": "A"})");
  EXPECT_EQ(problems.at(0).question, "Q? Answer Choices: (A) 3 (B) 4 m");
  EXPECT_EQ(problems[0].gold, "A");
}

TEST(ReadProblems, NamesTheLineOfMalformedJson) {
  const std::string good = "{\"question\": \"Q\", \"answer\": \"#### 1\"}\n";
  EXPECT_TRUE(message_for(good + good + "{\"question\": \n").starts_with("data.json:3: malformed JSON: ")) << 3;
  EXPECT_TRUE(message_for(good + "\n" + good.substr(0, 9) + "\xff\"}").starts_with("data.json:3: malformed JSON: "));
  EXPECT_TRUE(message_for("[{\"a\": 1},\n{\"b\": 2}\n,,]").starts_with("data.json:3: malformed JSON: "));
  EXPECT_LT(message_for("\"" + std::string(100000, 'x')).size(), 300u);
}

TEST(ReadProblems, NumbersBeyondDouble) {
  const std::string huge = "{\"question\": 1e999}";
  EXPECT_EQ(message_for("\n" + huge), "data.json:2: malformed JSON: number overflow parsing '1e999'");
  EXPECT_EQ(message_for("[" + huge + "]"), "data.json:1: malformed JSON: number overflow parsing '1e999'");
}

TEST(ReadProblems, NamesTheFieldAtFault) {
  EXPECT_EQ(message_for("{\"question\": \"Q\"}"), "data.json:1: field 'answer' is missing");
  EXPECT_EQ(message_for("{\"question\": 3, \"answer\": \"#### 1\"}"),
            "data.json:1: field 'question': expected a string, found number");
  EXPECT_EQ(message_for("{\"question\": \" \", \"answer\": \"#### 1\"}"),
            "data.json:1: field 'question': expected some text, found none");
  EXPECT_EQ(message_for("{\"question\": \"Q\", \"answer\": \"1\"}"),
            "data.json:1: field 'answer': expected '#### N' at the end, found none");
  EXPECT_EQ(message_for("{\"question\": \"Q\", \"answer\": \"x ####\"}"),
            "data.json:1: field 'answer': expected some text, found none");
  EXPECT_EQ(message_for("{\"question\": \"Q\", \"answer\": \"#### 1\", \"family\": []}"),
            "data.json:1: field 'family': expected a string, found array");
  EXPECT_EQ(message_for(R"([{"instruction": "Q", "input": "", "output": ""}])"),
            "data.json: record 1: field 'answer' is missing");
  EXPECT_EQ(message_for(R"({"question": "Q", "options": 4, "rationale": "", "correct": "A"})"),
            "data.json:1: field 'options': expected a list of choices, found number");
  EXPECT_EQ(message_for(R"({"question": "Q", "options": ["3"], "rationale": "", "correct": "A"})"),
            "data.json:1: field 'options': expected 'A)...', found '3'");
  EXPECT_EQ(message_for("[1]"), "data.json: record 1: expected a JSON object, found number");
  EXPECT_EQ(message_for("{\"question\": \"Q\", \"answer\": \"#### 1\"}\nnull"),
            "data.json:2: expected a JSON object, found null");
  EXPECT_TRUE(message_for("{\"text\": \"Q\"}").starts_with("data.json:1: no known format: expected fields"));
  EXPECT_EQ(message_for("{\"question\": \"Q\", \"answer\": \"#### 1\"}", DataFormat::llm_adapters),
            "data.json:1: field 'instruction' is missing");
}

TEST(ReadProblems, RefusesEmptyAndMissingFiles) {
  for (const char* empty : {"", " \n\n", "[]"})
    EXPECT_EQ(message_for(empty), "data.json: empty data set: expected at least one record");
  EXPECT_THROW(read_problems("no/such/file.jsonl"), Error);
  EXPECT_THROW(read_problems(fs::temp_directory_path()), Error);
}

TEST(ReadProblems, TakesHugeLinesAndDeepNesting) {
  const std::string long_text(5'000'000, 'q');
  EXPECT_EQ(problems_of("{\"question\": \"" + long_text + "\", \"answer\": \"#### 1\"}").at(0).question, long_text);
  EXPECT_TRUE(message_for(std::string(1'000'000, '[')).starts_with("data.json:1: malformed JSON: "));
}

// Counts as the data's own manifest and papers give them.
TEST(ReadProblems, RealData) {
  const fs::path data = fs::path(MODR_SHARED_DIR) / "data";
  if (!fs::exists(data)) GTEST_SKIP() << data << " is not here";
  const std::map<std::string, std::size_t> counts = {
      {"gsm8k/train.jsonl", 7473},          {"gsm8k/test.jsonl", 1319},
      {"aqua/test.json", 254},              {"llm_adapters/gsm8k/test.json", 1319},
      {"llm_adapters/AQuA/test.json", 254}, {"llm_adapters/boolq/train.json", 9427},
      {"llm_adapters/hellaswag/test.json", 1000}};
  for (const auto& [file, count] : counts) EXPECT_EQ(read_problems(data / file).size(), count) << file;
  EXPECT_EQ(read_problems(data / "gsm8k/test.jsonl")[0].gold, "18");
  EXPECT_EQ(read_problems(data / "llm_adapters/gsm8k/test.json")[0].gold, "576.0");
}

}  // namespace
}  // namespace modr
