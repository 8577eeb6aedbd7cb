// kernels/cuda/combine.cu against its twins on the CPU.
#include "kernels/api/combine.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Combine : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(Combine, Types);

// Units of so many rows, whose passes lie in another order; all offsets in one array of exact values, behind the gates.
template <typename E>
struct Units {
  Units(const std::vector<int64_t>& lengths, int64_t choices_, int64_t width_)
      : units(std::ssize(lengths)), choices(choices_), width(width_) {
    const int64_t passes = units * choices;
    std::vector<int32_t> position(static_cast<std::size_t>(passes));
    std::iota(position.begin(), position.end(), 0);
    std::shuffle(position.begin(), position.end(), std::mt19937(3));
    std::vector<int64_t> of_units{0}, of_passes(static_cast<std::size_t>(passes) + 1, 0);
    for (std::size_t u = 0; u < lengths.size(); ++u) {
      of_units.push_back(of_units.back() + lengths[u]);
      for (std::size_t j = 0; j < static_cast<std::size_t>(choices); ++j)
        of_passes[static_cast<std::size_t>(position[u * static_cast<std::size_t>(choices) + j]) + 1] = lengths[u];
    }
    std::partial_sum(of_passes.begin(), of_passes.end(), of_passes.begin());
    rows = of_units.back();
    all = values<E>((passes + 1) / 2 * 2 + 4 * (passes + 1) + 2 * (units + 1));  // (8 bytes each in words of 4)
    char* to = reinterpret_cast<char*>(all.data()) + at_units();
    std::memcpy(to, of_units.data(), of_units.size() * sizeof(int64_t));
    to += of_units.size() * sizeof(int64_t);
    std::memcpy(to, of_passes.data(), of_passes.size() * sizeof(int64_t));
    to += of_passes.size() * sizeof(int64_t);
    if (!position.empty()) std::memcpy(to, position.data(), position.size() * sizeof(int32_t));
  }
  std::size_t at_units() const { return static_cast<std::size_t>((units * choices + 1) / 2 * 2) * sizeof(E); }
  CombineShape shape(const E* in) const {
    const auto* of_units = reinterpret_cast<const int64_t*>(reinterpret_cast<const char*>(in) + at_units());
    const int64_t* of_passes = of_units + units + 1;
    return {units,    choices,  width, rows, reinterpret_cast<const int32_t*>(of_passes + units * choices + 1),
            of_units, of_passes};
  }
  int64_t units, choices, width, rows;
  std::vector<E> all;
};

template <typename E>
std::vector<Units<E>> cases() {
  return {{{}, 2, 8},          {{1}, 1, 1},         {{1, 1, 1, 1, 1}, 2, 24}, {{3, 0, 1, 5, 0}, 2, 7},
          {{0, 0, 9}, 3, 260}, {{400, 300}, 2, 264}};
}

TYPED_TEST(Combine, Forward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Units<E>& units : cases<E>())
    for (const bool constant : {false, true}) {
      const int64_t n = units.rows * units.width;
      const auto run = [&, constant](auto on, const T* passes, const E* in, T* out, E*) {
        combine(on, units.shape(in), constant, passes, in, out);
      };
      expect_close_pair<T, E>(values<T>(n * units.choices), units.all, n, 0, 8, run);
    }
}

// So small that a gate's gradient is of about 1.
template <typename T>
std::vector<T> gradient_and_passes(int64_t n, int64_t passes) {
  std::vector<T> in = values<T>(n + passes);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
    in[i] = T(static_cast<Exact<T>>(in[i]) / std::sqrt(static_cast<Exact<T>>(n)));
  return in;
}

TYPED_TEST(Combine, Backward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Units<E>& units : cases<E>())
    for (const bool constant : {false, true}) {
      const int64_t n = units.rows * units.width, passes = n * units.choices, gates = units.units * units.choices;
      const auto run = [&, constant](auto on, const T* from, const E* rest, T* dpasses, E* dgates) {
        combine_backward<T>(on, {units.shape(rest), constant, from, from + n, rest, dpasses, dgates});
      };
      expect_close_pair<T, E>(gradient_and_passes<T>(n, passes), units.all, passes, gates, 256, run);
    }
}

TYPED_TEST(Combine, BackwardOfWhatIsWanted) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const bool wants_passes : {false, true})
    for (const Units<E>& units : cases<E>()) {
      const int64_t n = units.rows * units.width, passes = n * units.choices, gates = units.units * units.choices;
      const auto run = [&, wants_passes](auto on, const T* from, const E* rest, T* dpasses, E* dgates) {
        combine_backward<T>(on, {units.shape(rest), false, from, from + n, rest, wants_passes ? dpasses : nullptr,
                                 wants_passes ? nullptr : dgates});
        if (!wants_passes) fill(on, T(0.0f), passes, dpasses);
        if (wants_passes) fill(on, E(0), gates, dgates);
      };
      expect_close_pair<T, E>(gradient_and_passes<T>(n, passes), units.all, passes, gates, 256, run);
    }
}

}  // namespace
}  // namespace modr::kernels
