// A target without a fuzzer: replay_TARGET FILE|FOLDER... reads every file and exits with 1 where one whose name begins
// with "good" is refused, or where there are none. What each file was answered goes to stderr.
#include <algorithm>
#include <iterator>
#include <vector>

#include "target.hpp"

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> files_of(int count, char** names) {
  std::vector<fs::path> files;
  for (int i = 0; i < count; ++i) {
    if (!fs::is_directory(names[i])) files.emplace_back(names[i]);
    else for (const auto& entry : fs::directory_iterator(names[i])) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<fs::path> files = files_of(argc - 1, argv + 1);
  int wrong = files.empty() ? 1 : 0;
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    modr::fuzz::require(file.is_open(), path.string() + " to be there");
    std::fprintf(stderr, "%s (%zu bytes): ", path.filename().c_str(), content.size());  // before it can go wrong
    const std::string refusal = modr::fuzz::refusal(content);
    std::fprintf(stderr, "%s\n", refusal.empty() ? "read" : refusal.c_str());
    if (!refusal.empty() && path.filename().string().starts_with("good")) ++wrong;
  }
  std::fprintf(stderr, "%zu files, %d of them answered wrongly\n", files.size(), wrong);
  return wrong == 0 ? 0 : 1;
}
