#include "comm/lost_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace modr {

namespace {

using Ranks = std::vector<int>;

// Ranks that call or wait for the same, with the text that they have in common.
struct Party {
  std::string text;
  Ranks ranks;
};

constexpr std::size_t max_parties = 6;  // in one message

void add_to_party(std::vector<Party>& parties, std::string text, int rank) {
  const auto same = std::ranges::find(parties, text, &Party::text);
  if (same != parties.end()) same->ranks.push_back(rank);
  else parties.push_back({std::move(text), {rank}});
}

// A verb for one rank and for several.
struct Verb {
  const char *of_one, *of_many;

  const char* of(const Ranks& ranks) const { return ranks.size() == 1 ? of_one : of_many; }
};

// "rank 2 <verb> X, ranks 0 and 1 <verb> Y".
std::string list_parties(const std::vector<Party>& parties, const char* separator, Verb verb, const char* each = "") {
  std::string text;
  for (std::size_t i = 0; i < std::min(parties.size(), max_parties); ++i) {
    const Party& party = parties[i];
    text += fmt::format("{}{}{}{}{}", i > 0 ? separator : "", party.ranks.size() > 1 ? each : "",
                        rank_list(party.ranks), verb.of(party.ranks), party.text);
  }
  if (parties.size() > max_parties) text += fmt::format("{}and others", separator);
  return text;
}

// The first pair of ranks that do not send and expect the same number of bytes.
std::string unequal_pair(const std::vector<Call>& calls) {
  const std::size_t size = calls.size();
  for (std::size_t from = 0; from < size; ++from) {
    for (std::size_t to = 0; to < size; ++to) {
      if (calls[from].bytes.size() != 2 * size || calls[to].bytes.size() != 2 * size) continue;
      const int64_t sent = calls[from].bytes[to], expected = calls[to].bytes[size + from];
      if (sent == expected) continue;
      return fmt::format("rank {} sends rank {} {} bytes, which expects {}", calls[from].rank, calls[to].rank, sent,
                         expected);
    }
  }
  return "";
}

// What each waiting rank is sure of: these do not answer, and have not called what it waits in.
Ranks missing_for(const KnownRank& waiting, const std::vector<KnownRank>& ranks) {
  const Tag& tag = waiting.report->tag;
  Ranks absent, missing;
  for (const int32_t partner : waiting.partners) {
    const KnownRank& other = ranks[static_cast<std::size_t>(partner)];
    if (other.answers) continue;
    absent.push_back(partner);
    const bool has_called = tag.sequence >= 0 && other.report && other.report->tag.group == tag.group &&
                            other.report->tag.sequence >= tag.sequence;
    if (!has_called) missing.push_back(partner);
  }
  return missing.empty() ? absent : missing;
}

// What a rank that did not come does instead.
std::string doing(const KnownRank& rank) {
  if (!rank.report && !rank.last_common) return "was never heard of";
  if (!rank.report) {
    return fmt::format("is not heard of since {}, {:.1f} s ago", describe_place(*rank.last_common),
                       rank.last_common_seconds);
  }
  const RankReport& report = *rank.report;
  if (report.state == RankReport::State::waits) {
    return fmt::format("stands still in {}, since {:.1f} s", describe_place(report.tag), report.state_seconds);
  }
  const bool has_called = report.tag.operation != Operation::none;
  const std::string last = fmt::format("{:.1f} s after {}", report.state_seconds, describe_place(report.tag));
  const std::string activity = describe(report.activity);
  if (activity.empty()) return has_called ? fmt::format("works, {}", last) : "has called nothing yet";
  const bool since_announced = has_called && report.state_seconds < report.activity_seconds;
  return fmt::format("is in {}{}, since {:.1f} s{}", report.activity.phase[0] ? "phase " : "", activity,
                     report.activity_seconds, since_announced ? fmt::format(" ({})", last) : "");
}

std::string doing(const Ranks& missing, const std::vector<KnownRank>& ranks) {
  if (missing.size() == 1) return "it " + doing(ranks[static_cast<std::size_t>(missing[0])]);
  std::vector<Party> parties;
  for (const int rank : missing) add_to_party(parties, doing(ranks[static_cast<std::size_t>(rank)]), rank);
  return list_parties(parties, ", ", {" ", " "}, "each of ");
}

bool waits_with(const Tag& one, const Tag& other) {
  return one.sequence >= 0 && one.group == other.group && one.sequence == other.sequence;
}

// All wait, and none for a rank that does something else: who waits for what, and for whom.
std::string circle_text(const std::vector<KnownRank>& ranks, double limit) {
  std::vector<Party> parties;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (!ranks[rank].answers) continue;
    const Tag& tag = ranks[rank].report->tag;
    Ranks awaited;
    for (const int32_t partner : ranks[rank].partners) {
      const KnownRank& other = ranks[static_cast<std::size_t>(partner)];
      if (other.report && !waits_with(tag, other.report->tag)) awaited.push_back(partner);
    }
    const bool names_whom = tag.sequence >= 0 && !awaited.empty();
    add_to_party(parties, describe_place(tag) + (names_whom ? ", for " + rank_list(awaited) : ""),
                 static_cast<int>(rank));
  }
  return fmt::format("ranks wait for each other since {:g} s: {}", limit, list_parties(parties, "; ", {" in ", " in "}));
}

}  // namespace

std::string rank_list(const std::vector<int>& ranks) {
  std::vector<std::string> parts;
  for (std::size_t first = 0, last = 0; first < ranks.size(); first = last + 1) {
    last = first;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (last < first + 2) last = first;  // "0 and 1" rather than "0 to 1"
    parts.push_back(last == first ? fmt::format("{}", ranks[first])
                                  : fmt::format("{} to {}", ranks[first], ranks[last]));
  }
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  }
  return text;
}

std::string disagreement_text(const std::vector<Call>& calls, const std::vector<int>& silent) {
  MODR_CHECK(!calls.empty(), "nobody told what it calls");
  std::vector<Party> parties;
  for (const Call& call : calls) add_to_party(parties, " " + describe(call.tag), call.rank);
  std::ranges::stable_sort(parties, {}, [](const Party& party) { return party.ranks.size(); });
  const Tag& tag = calls.front().tag;
  std::string text = fmt::format("ranks disagree in collective {} of group '{}'", tag.sequence, tag.group_name);
  const std::string pair = parties.size() == 1 ? unequal_pair(calls) : "";
  if (pair.empty()) text += ": " + list_parties(parties, ", ", {" calls", " call"});
  else text += fmt::format(",{}: {}", parties.front().text, pair);
  if (!silent.empty()) text += fmt::format("; {} did not tell in time", rank_list(silent));
  return text;
}

std::string timeout_text(const std::vector<KnownRank>& ranks, double limit) {
  std::size_t lead = 0;
  while (lead < ranks.size() && (!ranks[lead].answers || missing_for(ranks[lead], ranks).empty())) ++lead;
  if (lead == ranks.size()) return circle_text(ranks, limit);
  const Tag& tag = ranks[lead].report->tag;
  const Ranks missing = missing_for(ranks[lead], ranks);

  Ranks with_lead;
  std::vector<Party> others;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (!ranks[rank].answers) continue;
    const Tag& waited = ranks[rank].report->tag;
    if (rank == lead || waits_with(tag, waited)) with_lead.push_back(static_cast<int>(rank));
    else add_to_party(others, describe_place(waited), static_cast<int>(rank));
  }
  const std::string where = tag.sequence >= 0 ? "come to " + describe_place(tag)
                                              : fmt::format("answer rank {}'s {}", lead, describe_place(tag));
  std::string text = fmt::format("{} did not {}, within {:g} s: {}; {} {}", rank_list(missing), where, limit,
                                 doing(missing, ranks), rank_list(with_lead), Verb{"waits", "wait"}.of(with_lead));
  if (!others.empty()) text += "; " + list_parties(others, "; ", {" waits in ", " wait in "});
  return text;
}

}  // namespace modr
