#include "model/kv_cache.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/expect_error.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

using nlohmann::json;
using testing::tiny_config;

ModelConfig config_of(int64_t prelude, int64_t core, int64_t coda) {
  ModelConfig config = tiny_config();
  config.n_layers_in_prelude = prelude;
  config.n_layers_in_recurrent_block = core;
  config.n_layers_in_coda = coda;
  config.block_size = 64;
  return config;
}

// What a layer of one sequence's call reads: the tag that each cached token's row was stored with, and its place.
json read_and_store(CacheWindow& window, const ModelConfig& config, int64_t layer, int64_t count, int64_t tag) {
  json seen = json::array();
  const ops::CachedTokens past = window.past(layer);
  for (std::size_t token = 0; token < past.rows->size(); ++token)
    if (const int64_t row = (*past.rows)[token]; row >= 0)
      seen.push_back({token, past.slab.slice(0, row, row + 1).to_vector()[0]});
  for (int64_t i = 0; i < count; ++i) seen.push_back({past.past->front() + i, tag});  // its own, written before reading
  window.store(layer, Tensor::full({count, 3 * config.n_embd}, DType::f64, static_cast<double>(tag)));
  return seen;
}

// Every layer's reads over the calls [new tokens, recurrences], appended to `reads` until one throws; a layer is tagged
// with upstream's step index.
void read_calls(const ModelConfig& config, const std::string& policy, const json& calls, json& reads) {
  const int64_t prelude = config.n_layers_in_prelude, core = config.n_layers_in_recurrent_block;
  int64_t tokens = 0, most = 0;
  for (const json& call : calls) tokens += call[0].get<int64_t>(), most = std::max(most, call[1].get<int64_t>());
  KvCache cache(config, parse_cache_config(policy), 1, tokens, most, DType::f64);
  for (const json& call : calls) {
    const int64_t count = call[0], steps = call[1];
    cache.begin({0}, {count});
    const auto first = cache.prelude_window();
    for (int64_t i = 0; i < prelude; ++i) reads.push_back(read_and_store(*first, config, i, count, i));
    for (int64_t t = 0; t < steps; ++t) {
      const auto window = cache.core_window(t, {{0, true}});
      for (int64_t j = 0; j < core; ++j)
        reads.push_back(read_and_store(*window, config, j, count, prelude + core * t + j));
    }
    const auto last = cache.coda_window();
    for (int64_t i = 0; i < config.n_layers_in_coda; ++i)
      reads.push_back(read_and_store(*last, config, i, count, -1 - i));
    cache.end(steps);
  }
}

json reads_of(const ModelConfig& config, const std::string& policy, const json& calls) {
  json reads = json::array();
  read_calls(config, policy, calls, reads);
  return reads;
}

TEST(KvCacheReference, ReadsWhatUpstreamsClassReads) {
  const std::filesystem::path path = std::filesystem::path(MODR_SHARED_DIR) / "upstream/cache/cache_reads.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const json cases = json::parse(std::ifstream(path));
  int refused = 0;
  for (const auto& [policy, expected] : cases.items()) {
    const ModelConfig config = config_of(expected["prelude"], expected["core"], expected["coda"]);
    json got = json::array();
    if (expected["upstream_raises"].is_null()) {
      read_calls(config, policy, expected["calls"], got);
    } else {  // at the same read
      EXPECT_THROW(read_calls(config, policy, expected["calls"], got), Error) << policy;
      ++refused;
    }
    ASSERT_EQ(got.size(), expected["reads"].size()) << policy;
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], expected["reads"][i]) << policy << ", read " << i;
  }
  std::printf("%s: %zu policies, %d of them end in an error as upstream's\n", path.filename().c_str(), cases.size(),
              refused);
  EXPECT_GT(cases.size(), 0u);
}

// MODEL.md and upstream/README.md, section 2, for two layers in the core; one token a call.
TEST(KvCache, ReadsByTheFormulas) {
  const ModelConfig config = config_of(1, 2, 1);
  const json calls{{1, 3}, {1, 1}, {1, 3}};
  // The second and third core recurrence of the last call, by layer: u = 2..5, slots without compression.
  const auto core_reads = [&](const char* policy, int64_t u) {
    return reads_of(config, policy, calls)[std::size_t(1 + 6 + 1 + 1 + 2 + 1 + 1 + u)];
  };
  const auto tag = [](int64_t u) { return 1 + u; };
  EXPECT_EQ(core_reads("full", 4), (json{{0, tag(4)}, {2, tag(4)}}));
  EXPECT_EQ(core_reads("skip", 5), (json{{0, tag(5)}, {2, tag(5)}}));
  EXPECT_EQ(core_reads("latest-m4", 4), (json{{0, tag(4)}, {1, tag(0)}, {2, tag(4)}}));
  EXPECT_EQ(core_reads("available-m4", 3), (json{{0, tag(3)}, {1, tag(1)}, {2, tag(3)}}));
  EXPECT_EQ(core_reads("always-last-m4", 2), (json{{0, tag(4)}, {1, tag(0)}, {2, tag(2)}}));
  EXPECT_EQ(core_reads("always-last-m4", 1), (json{{0, tag(1)}, {1, tag(1)}, {2, tag(1)}}));  // all have that slot
  EXPECT_EQ(core_reads("compress-s2", 3), (json{{0, tag(5)}, {1, tag(1)}, {2, tag(3)}}));
  EXPECT_EQ(core_reads("latest-m4-compress-s4", 3), (json{{0, tag(3)}, {1, tag(1)}, {2, tag(3)}}));
  EXPECT_EQ(core_reads("skip-compress-r2", 1), (json{{0, tag(1)}, {1, tag(1)}, {2, tag(1)}}));
  EXPECT_EQ(core_reads("skip-compress-r2", 2), (json{{0, tag(3)}, {2, tag(2)}}));
  EXPECT_EQ(core_reads("skip-compress-anchor", 5), core_reads("skip", 5));
  for (const char* policy : {"compress-s4", "compress-r2", "latest-m4-compress-r2", "compress-anchor"})
    expect_error([&] { reads_of(config, policy, calls); }, {std::string(policy) + ":", "a token of 1 recurrences"});
}

TEST(KvCache, AnchorsTheFirstEightRecurrences) {
  const ModelConfig config = config_of(1, 2, 1);
  const json reads = reads_of(config, "compress-anchor", json{{1, 11}, {1, 11}});
  const std::size_t second = 1 + 22 + 1 + 1;
  for (int64_t u : {0, 15}) EXPECT_EQ(reads[second + std::size_t(u)], (json{{0, 1 + u}, {1, 1 + u}}));
  for (int64_t u : {16, 18, 20}) EXPECT_EQ(reads[second + std::size_t(u)], (json{{0, 1 + 20}, {1, 1 + u}}));
}

TEST(KvCache, CompressedSlotsTakeLessMemory) {
  const ModelConfig config = config_of(1, 2, 1);
  const auto slots = [&](const char* policy, int64_t steps) {
    const KvCache cache(config, parse_cache_config(policy), 1, 8, steps, DType::f32);
    const auto count = cache_slots(config, parse_cache_config(policy), steps);
    EXPECT_EQ(cache.bytes(), std::size_t(count * 8 * 2 * 8 * 4));
    return count - 2;
  };
  EXPECT_EQ(slots("full", 6), 12);
  EXPECT_EQ(slots("compress-s4", 6), 4);
  EXPECT_EQ(slots("compress-s4", 1), 2);
  EXPECT_EQ(slots("latest-m4-compress-r5", 6), 3);
  EXPECT_EQ(slots("compress-anchor", 6), 12);
  EXPECT_EQ(slots("compress-anchor", 20), 18);
}

TEST(KvCache, ForksReadTheirRootsTokensAndWriteTheirOwn) {
  const ModelConfig config = config_of(1, 1, 1);
  KvCache cache(config, {}, {2, 2, 1}, 1, DType::f64);
  const auto store = [&](std::vector<int64_t> sequences, std::vector<int64_t> counts, double value) {
    cache.begin(sequences, counts);
    const auto window = cache.core_window(0, {{0, true}});
    window->store(0, Tensor::full({counts[0], 3 * config.n_embd}, DType::f64, value));
    cache.end(1);
  };
  const auto read = [&](int64_t sequence) {
    std::vector<double> values;
    cache.begin({sequence}, {0});
    const auto past = cache.core_window(0, {{0, true}})->past(0);
    for (int64_t row : *past.rows) values.push_back(past.slab.slice(0, row, row + 1).to_vector()[0]);
    return values;
  };
  store({0}, {2}, 1);
  cache.fork(0, 1);
  cache.fork(0, 2);
  store({1}, {2}, 5);
  store({2}, {1}, 7);
  EXPECT_EQ(read(1), (std::vector<double>{1, 1, 5, 5}));
  EXPECT_EQ(read(2), (std::vector<double>{1, 1, 7}));
  EXPECT_THROW(store({2}, {1}, 8), Error);  // no room of its own
  EXPECT_THROW(store({0}, {1}, 8), Error);  // the root goes on in its forks
  cache.truncate(1, 2);
  EXPECT_EQ(read(1), (std::vector<double>{1, 1}));
  EXPECT_THROW(cache.truncate(1, 1), Error);
  EXPECT_THROW(cache.fork(1, 2), Error);
}

TEST(KvCache, NamesAreUpstreams) {
  for (const char* text : {"", "ful", "latest", "compress-", "compress-s", "compress-s0", "compress-s:2", "compress-r2x",
                           "compress-t2", "full-compress-s4", "randomized", "latest-m4compress-s4", "-compress-s4",
                           "latest-m4-compress-", "compress-s99999999999999999999"})
    expect_error([&] { parse_cache_config(text); }, {"KV cache", "latest-m4", std::string("'") + text + "'"});
  const CacheConfig config = parse_cache_config("always-last-m4-compress-r12");
  EXPECT_EQ(config.lookup, CacheLookup::always_last);
  EXPECT_EQ(config.compression, CacheCompression::r);
  EXPECT_EQ(config.by, 12);
}

}  // namespace
}  // namespace modr
