#pragma once
// Reading problems from files: JSON lines (GSM8K, AQuA) or one JSON array of records (llm_adapters).
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/config.hpp"

namespace modr {

/// One problem, whatever file it came from.
struct Problem {
  std::string question;
  std::string solution;  ///< the text that a model is trained to answer with; may be empty in a test file
  std::string gold;      ///< the right answer alone: a number without thousands commas, or a choice
  std::string family;    ///< the record's "family", or empty
  std::string place;     ///< "file:line" or "file: record n", for messages
};

/// Reads all records of a file, by its content (the file's name decides nothing):
/// - gsm8k: {question, answer} where answer ends in "#### N";
/// - llm_adapters: {instruction, input, output, answer}: the solution is `output`, the gold `answer`;
/// - aqua: {question, options, rationale, correct}: the choices are written behind the question.
/// Throws Error naming file and line (in an array: the record) for a file that is missing or empty, malformed JSON, a
/// missing field or one of the wrong type.
std::vector<Problem> read_problems(const std::filesystem::path& path, DataFormat format = DataFormat::automatic);

}  // namespace modr
