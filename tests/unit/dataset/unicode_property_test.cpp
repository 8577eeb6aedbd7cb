// Unicode's data against what was measured with Oniguruma, and the algebra of sets.
#include "dataset/unicode_property.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"
#include "dataset/character_class.hpp"

namespace modr {
namespace {

using nlohmann::json;

std::size_t size_of(const CodePointSet& set) {
  std::size_t size = 0;
  for (const auto& [first, last] : set.ranges()) size += last - first + 1;
  return size;
}

TEST(CodePointSet, Algebra) {
  const CodePointSet set({{5, 9}, {1, 2}, {8, 12}, {3, 3}});
  EXPECT_EQ(set.ranges(), (std::vector<CodePointSet::Range>{{1, 3}, {5, 12}}));
  EXPECT_EQ(set.complement().ranges(),
            (std::vector<CodePointSet::Range>{{0, 0}, {4, 4}, {13, kLastCodePoint}}));
  EXPECT_EQ(set.complement().complement(), set);
  EXPECT_EQ(set.intersected(CodePointSet({{2, 5}})).ranges(), (std::vector<CodePointSet::Range>{{2, 3}, {5, 5}}));
  EXPECT_TRUE(set.intersected(set.complement()).empty());
  EXPECT_TRUE(set.contains(12));
  EXPECT_FALSE(set.contains(4));
  EXPECT_FALSE(set.contains(13));
}

TEST(UnicodeProperty, CategoriesAndScriptsPartitionAllCodePoints) {
  CodePointSet all;
  std::size_t count = 0;
  for (const char* name : {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
                           "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"}) {
    const CodePointSet set = known_property(name);
    count += size_of(set);
    all = all.united(set);
  }
  EXPECT_EQ(all, known_property("Any"));
  EXPECT_EQ(count, 0x110000u);
  EXPECT_EQ(known_property("Letter"), known_property("L"));
  EXPECT_EQ(known_property("h-A_n"), known_property("Hani"));
  EXPECT_EQ(unicode_property("Klingon"), std::nullopt);
  EXPECT_THROW(known_property("Klingon"), Error);
}

TEST(UnicodeProperty, CaseGroupsClose) {
  const CodePointSet s = close_over_case(CodePointSet::of(U's'));
  EXPECT_EQ(s.ranges(), (std::vector<CodePointSet::Range>{{'S', 'S'}, {'s', 's'}, {0x17F, 0x17F}}));
  EXPECT_EQ(close_over_case(CodePointSet::of(0x17F)), s);
  EXPECT_EQ(close_over_case(CodePointSet::of(U'i')).ranges().size(), 2u);  // no Turkish letters
  EXPECT_EQ(close_over_case(CodePointSet::of(U'1')), CodePointSet::of(U'1'));
}

/// "1F6DC-1F6DC" as hexadecimal ranges.
CodePointSet set_of(const json& ranges) {
  std::vector<CodePointSet::Range> result;
  for (const std::string range : ranges) {
    const auto dash = range.find('-');
    const auto first = static_cast<char32_t>(std::stoul(range.substr(0, dash), nullptr, 16));
    const auto last = dash == std::string::npos
                          ? first
                          : static_cast<char32_t>(std::stoul(range.substr(dash + 1), nullptr, 16));
    result.push_back({first, last});
  }
  return CodePointSet(result);
}

TEST(UnicodeProperty, HasWhatOnigurumaHasAndPcre2Lacks) {
  const auto path =
      std::filesystem::path(MODR_SHARED_DIR) / "tokenizers" / "unicode_delta_onig_vs_pcre2_10.42.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  std::ifstream file(path);
  const json delta = json::parse(file);
  int compared = 0;
  for (const auto& [name, difference] : delta.items()) {
    const CodePointSet set = name.starts_with('\\') ? shorthand_set(name[1]).members : known_property(name);
    const CodePointSet more = set_of(difference.at("only_onig")), fewer = set_of(difference.at("only_pcre"));
    EXPECT_EQ(set.intersected(more), more) << name;
    EXPECT_TRUE(set.intersected(fewer).empty()) << name;
    EXPECT_EQ(size_of(set), difference.at("onig_count")) << name;
    ++compared;
  }
  EXPECT_GE(compared, 20);
  std::cout << compared << " classes compared\n";
}

}  // namespace
}  // namespace modr
