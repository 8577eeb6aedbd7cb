// The attention kernels against a plain twin in double, in all three types and at the edges of their tiles.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <vector>

#include "base/philox.hpp"
#include "kernels/api/attention.hpp"

namespace modr {
namespace {

using Doubles = std::vector<double>;
using Lengths = std::vector<int64_t>;

struct Case {
  Lengths offsets;
  int64_t heads, head_dim;

  kernels::AttentionShape shape() const {
    return kernels::shape_on_host(offsets.data(), std::ssize(offsets) - 1, heads, head_dim);
  }
  int64_t rows() const { return offsets.back(); }
  int64_t width() const { return heads * head_dim; }
};

// Single sequences at the edges of tiles (64 floats or 32 doubles), ragged ones, empty ones; head sizes that are whole
// vectors, several blocks of them, and neither.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (int64_t length : {1, 2, 31, 32, 33, 63, 64, 65, 127, 129}) cases.push_back({{0, length}, 2, 16});
  for (int64_t dim : {1, 6, 31, 48, 64, 80, 96, 256}) {
    cases.push_back({{0, 3, 3, 73, 74, 144, 144}, 2, dim});
    cases.push_back({{0, 0, 65, 129}, 1, dim});
  }
  cases.push_back({{0}, 2, 8});
  cases.push_back({{0, 0, 0}, 2, 8});
  return cases;
}

template <typename T>
std::vector<T> random_values(int64_t count, uint64_t seed, double scale = 1) {
  PhiloxSequence rng(seed, RandomStream::init);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(scale * rng.normal());
  return values;
}

template <typename To, typename From>
std::vector<To> converted(const std::vector<From>& values) {
  std::vector<To> result;
  for (const From& value : values) result.push_back(static_cast<To>(value));
  return result;
}

template <typename T>
struct Result {
  std::vector<T> out, dqkv;
  std::vector<Exact<T>> log_sum_exp;
  bool operator==(const Result&) const = default;
};

// The definition, and its derivative by the chain rule over whole rows of weights.
Result<double> twin(const Case& c, const Doubles& qkv, const Doubles& dout) {
  const auto at = [&](int64_t row, int64_t part, int64_t head) {
    return static_cast<std::size_t>((row * 3 + part) * c.width() + head * c.head_dim);
  };
  const auto dim = static_cast<std::size_t>(c.head_dim);
  const double scale = 1 / std::sqrt(static_cast<double>(c.head_dim));
  Result<double> r{Doubles(dout.size()), Doubles(qkv.size()), Doubles(static_cast<std::size_t>(c.heads * c.rows()))};
  for (std::size_t a = 0; a + 1 < c.offsets.size(); ++a)
    for (int64_t head = 0; head < c.heads; ++head)
      for (int64_t i = c.offsets[a]; i < c.offsets[a + 1]; ++i) {
        const auto row = static_cast<std::size_t>(i * c.width() + head * c.head_dim);
        Doubles scores, gradients;
        for (int64_t j = c.offsets[a]; j <= i; ++j) {
          double score = 0, gradient = 0;
          for (std::size_t d = 0; d < dim; ++d) {
            score += scale * qkv[at(i, 0, head) + d] * qkv[at(j, 1, head) + d];
            gradient += dout[row + d] * qkv[at(j, 2, head) + d];
          }
          scores.push_back(score);
          gradients.push_back(gradient);
        }
        double largest = scores[0], sum = 0, mean = 0;
        for (double score : scores) largest = std::max(largest, score);
        for (double score : scores) sum += std::exp(score - largest);
        const double log_sum = largest + std::log(sum);
        r.log_sum_exp[static_cast<std::size_t>(head * c.rows() + i)] = log_sum;
        for (std::size_t j = 0; j < scores.size(); ++j) mean += std::exp(scores[j] - log_sum) * gradients[j];
        for (std::size_t j = 0; j < scores.size(); ++j) {
          const double weight = std::exp(scores[j] - log_sum), dscore = scale * weight * (gradients[j] - mean);
          const int64_t key = c.offsets[a] + static_cast<int64_t>(j);
          for (std::size_t d = 0; d < dim; ++d) {
            r.out[row + d] += weight * qkv[at(key, 2, head) + d];
            r.dqkv[at(i, 0, head) + d] += dscore * qkv[at(key, 1, head) + d];
            r.dqkv[at(key, 1, head) + d] += dscore * qkv[at(i, 0, head) + d];
            r.dqkv[at(key, 2, head) + d] += weight * dout[row + d];
          }
        }
      }
  return r;
}

// What the kernels give; backward sees `out` in place of forward's result when given.
template <typename T>
Result<T> attend(const Case& c, const std::vector<T>& qkv, const std::vector<T>& dout, const std::vector<T>* out = {}) {
  const auto statistics = static_cast<std::size_t>(c.heads * c.rows());
  Result<T> r{std::vector<T>(dout.size()), std::vector<T>(qkv.size()), std::vector<Exact<T>>(statistics)};
  std::vector<Exact<T>> delta(statistics);
  std::vector<Exact<T>> forward(
      static_cast<std::size_t>(kernels::causal_attention_workspace<T>(kernels::Cpu{}, c.shape())));
  std::vector<Exact<T>> backward(
      static_cast<std::size_t>(kernels::causal_attention_backward_workspace<T>(kernels::Cpu{}, c.shape())));
  kernels::causal_attention<T>(kernels::Cpu{},
                               {c.shape(), qkv.data(), r.out.data(), r.log_sum_exp.data(), forward.data()});
  kernels::causal_attention_backward<T>(
      kernels::Cpu{}, {c.shape(), dout.data(), qkv.data(), (out ? *out : r.out).data(), r.log_sum_exp.data(),
                       delta.data(), backward.data(), r.dqkv.data()});
  return r;
}

template <typename T>
void expect_near(const std::vector<T>& got, const Doubles& expected, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(static_cast<double>(got[i]), expected[i], tolerance * (1 + std::abs(expected[i]))) << what << " " << i;
}

template <typename T>
void expect_twin(double scale, double tolerance) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(testing::Message() << c.rows() << " rows, head_dim " << c.head_dim);
    const auto qkv = random_values<T>(c.rows() * 3 * c.width(), 1, scale);
    const auto dout = random_values<T>(c.rows() * c.width(), 2);
    const Result<double> expected = twin(c, converted<double>(qkv), converted<double>(dout));
    const Result<T> got = attend(c, qkv, dout);
    expect_near(got.out, expected.out, tolerance, "out");
    expect_near(got.log_sum_exp, expected.log_sum_exp, std::min(tolerance, 1e-4), "log_sum_exp");
    expect_near(got.dqkv, expected.dqkv, tolerance, "dqkv");
  }
}

TEST(AttentionKernels, AreTheTwinsInEveryType) {
  expect_twin<double>(1, 1e-13);
  expect_twin<float>(1, 1e-5);
  expect_twin<bfloat16>(1, 2e-2);  // rounded: out, which enters the gradients, and the gradients
}

TEST(AttentionKernels, BearScoresFarFromZero) {
  expect_twin<double>(8, 1e-11);
  expect_twin<float>(8, 5e-3);  // scores of hundreds, where float's last place is 3e-5
}

// Rows of bf16 are converted when loaded and rounded when stored; all between is float's.
TEST(AttentionKernels, Bf16IsFloatRoundedOnce) {
  for (const Case& c : all_cases()) {
    const auto qkv = random_values<bfloat16>(c.rows() * 3 * c.width(), 1);
    const auto dout = random_values<bfloat16>(c.rows() * c.width(), 2);
    const Result<bfloat16> got = attend(c, qkv, dout);
    const auto out = converted<float>(got.out);
    const Result<float> exact = attend(c, converted<float>(qkv), converted<float>(dout), &out);
    EXPECT_EQ(got.log_sum_exp, exact.log_sum_exp);
    EXPECT_EQ(out, converted<float>(converted<bfloat16>(exact.out)));
    EXPECT_EQ(converted<float>(got.dqkv), converted<float>(converted<bfloat16>(exact.dqkv)));
  }
}

// Calls f with 1, 2, 3 and 7 threads.
template <typename F>
void with_threads(F f) {
  const int before = omp_get_max_threads();
  for (int threads : {1, 2, 3, 7}) {
    omp_set_num_threads(threads);
    f(threads);
  }
  omp_set_num_threads(before);
}

// One head is split by keys and by queries, many are not, a long sequence among short ones may be.
TEST(AttentionKernels, DoNotDependOnTheNumberOfThreads) {
  for (const Case& c : {Case{{0, 400}, 1, 20}, Case{{0, 400}, 3, 20}, Case{{0, 5, 305, 310, 310, 345}, 2, 64},
                        Case{{0, 64, 128, 192}, 4, 32}}) {
    const auto qkv = random_values<float>(c.rows() * 3 * c.width(), 1);
    const auto dout = random_values<float>(c.rows() * c.width(), 2);
    Result<float> alone;
    with_threads([&](int threads) {
      const Result<float> got = attend(c, qkv, dout);
      if (threads == 1) alone = got;
      EXPECT_TRUE(got == alone) << threads << " threads, " << c.rows() << " rows";
    });
  }
}

// New tokens of `c` over a slab in which cached token i of sequence a lies in row rows[a * max_past + i].
struct CachedCase {
  Case c;
  Lengths past;
  int64_t max_past;
  Lengths rows;
  int64_t slab_rows;
};

// Cached tokens lie scattered; every fifth is missing where `missing`.
CachedCase cached_case(Case c, Lengths past, bool missing) {
  int64_t max_past = 0;
  for (int64_t length : past) max_past = std::max(max_past, length);
  CachedCase result{std::move(c), std::move(past), max_past, {}, 7 * 211};
  for (std::size_t a = 0; a < result.past.size(); ++a)
    for (int64_t i = 0; i < max_past; ++i)
      result.rows.push_back(missing && i % 5 == 1 ? -1 : (static_cast<int64_t>(a) * max_past + i) * 101 % (7 * 211));
  return result;
}

std::vector<CachedCase> cached_cases() {
  std::vector<CachedCase> cases;
  for (int64_t past : {0, 1, 7, 8, 9, 63, 64, 65, 200}) cases.push_back(cached_case({{0, 1}, 2, 16}, {past}, false));
  for (int64_t dim : {1, 3, 8, 31, 64, 96, 256}) {
    cases.push_back(cached_case({{0, 1, 1, 4, 10}, 3, dim}, {70, 3, 0, 65}, false));
    cases.push_back(cached_case({{0, 6, 7}, 7, dim}, {2, 130}, true));  // 7 heads of 256: more than one group
    cases.push_back(cached_case({{0, 70}, 1, dim}, {9}, true));
  }
  return cases;
}

template <typename T>
std::vector<T> attend_cached(const CachedCase& c, const std::vector<T>& qkv, const std::vector<T>& slab) {
  std::vector<T> out(static_cast<std::size_t>(c.c.rows() * c.c.width()));
  kernels::cached_attention<T>(
      kernels::Cpu{}, {c.c.shape(), qkv.data(), slab.data(), c.rows.data(), c.past.data(), c.max_past, out.data()});
  return out;
}

// The whole sequences, cached tokens first, given to the other twin.
Doubles cached_twin(const CachedCase& c, const Doubles& qkv, const Doubles& slab) {
  const auto width = static_cast<std::size_t>(c.c.width());
  Doubles all, result;
  Case whole{{0}, c.c.heads, c.c.head_dim};
  for (std::size_t a = 0; a < c.past.size(); ++a) {
    for (int64_t i = 0; i < c.past[a]; ++i) {
      const int64_t row = c.rows[a * static_cast<std::size_t>(c.max_past) + static_cast<std::size_t>(i)];
      if (row < 0) continue;
      const auto from = slab.begin() + row * 2 * c.c.width();
      all.insert(all.end(), width, 0.0);  // its q does not matter
      all.insert(all.end(), from, from + 2 * c.c.width());
    }
    all.insert(all.end(), qkv.begin() + c.c.offsets[a] * 3 * c.c.width(),
               qkv.begin() + c.c.offsets[a + 1] * 3 * c.c.width());
    whole.offsets.push_back(static_cast<int64_t>(all.size() / (3 * width)));
  }
  const Doubles out = twin(whole, all, Doubles(all.size() / 3)).out;
  for (std::size_t a = 0; a < c.past.size(); ++a) {
    const int64_t fresh = c.c.offsets[a + 1] - c.c.offsets[a];
    result.insert(result.end(), out.begin() + (whole.offsets[a + 1] - fresh) * c.c.width(),
                  out.begin() + whole.offsets[a + 1] * c.c.width());
  }
  return result;
}

template <typename T>
void expect_cached_twin(double tolerance) {
  for (const CachedCase& c : cached_cases()) {
    SCOPED_TRACE(testing::Message() << c.c.rows() << " rows, head_dim " << c.c.head_dim << ", past " << c.max_past);
    const auto qkv = random_values<T>(c.c.rows() * 3 * c.c.width(), 1);
    const auto slab = random_values<T>(c.slab_rows * 2 * c.c.width(), 2);
    const std::vector<T> got = attend_cached(c, qkv, slab);
    expect_near(got, cached_twin(c, converted<double>(qkv), converted<double>(slab)), tolerance, "out");
  }
}

TEST(CachedAttentionKernel, IsTheTwinInEveryType) {
  expect_cached_twin<double>(1e-13);
  expect_cached_twin<float>(1e-5);
  expect_cached_twin<bfloat16>(4e-3);  // half of bf16's last place
}

TEST(CachedAttentionKernel, Bf16IsFloatRoundedOnce) {
  for (const CachedCase& c : cached_cases()) {
    const auto qkv = random_values<bfloat16>(c.c.rows() * 3 * c.c.width(), 1);
    const auto slab = random_values<bfloat16>(c.slab_rows * 2 * c.c.width(), 2);
    const auto exact = attend_cached(c, converted<float>(qkv), converted<float>(slab));
    EXPECT_EQ(converted<float>(attend_cached(c, qkv, slab)), converted<float>(converted<bfloat16>(exact)));
  }
}

TEST(CachedAttentionKernel, DoesNotDependOnTheNumberOfThreads) {
  for (const CachedCase& c :
       {cached_case({{0, 1}, 4, 32}, {400}, false), cached_case({{0, 1, 3}, 3, 32}, {300, 7}, true)}) {
    const auto qkv = random_values<float>(c.c.rows() * 3 * c.c.width(), 1);
    const auto slab = random_values<float>(c.slab_rows * 2 * c.c.width(), 2);
    std::vector<float> alone;
    with_threads([&](int threads) {
      const std::vector<float> got = attend_cached(c, qkv, slab);
      if (threads == 1) alone = got;
      EXPECT_EQ(got, alone) << threads << " threads";
    });
  }
}

}  // namespace
}  // namespace modr
