#pragma once
// A kernel on the emulated device against its twin on the CPU: the same calls with a place as their first argument.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "base/dtype.hpp"
#include "support/device_vector.hpp"
#include "support/orders.hpp"

namespace modr::test {

/// `n` random values of about 1, the same for the same n.
template <typename T>
std::vector<T> values(int64_t n, unsigned seed = 1) {
  std::mt19937 dice(seed);
  std::normal_distribution<double> normal;
  std::vector<T> all(static_cast<std::size_t>(n));
  for (T& value : all) value = T(static_cast<Exact<T>>(normal(dice)));
  return all;
}

/// Half of what neighbours near 1 differ by.
template <typename T>
constexpr double rounding() {
  if constexpr (std::is_same_v<T, bfloat16>) return 0x1p-9;
  else return std::numeric_limits<T>::epsilon() / 2;
}

/// Runs `kernel(place, in..., out)` on the CPU and on the device, in each of the orders, with `out` full of NaNs
/// before, and calls check(expected, found).
template <typename Out, typename Kernel, typename Check, typename... In>
void run_twins(int64_t size, Kernel kernel, Check check, const std::vector<RunOrder>& orders,
               const std::vector<In>&... in) {
  std::vector<Out> expected(static_cast<std::size_t>(size));
  kernel(kernels::Cpu{}, in.data()..., expected.data());
  std::vector<Out> first;
  for (const RunOrder& order : orders) {
    SCOPED_TRACE("size " + std::to_string(size) + ", " + text_of(order));
    set_order(order);
    const DeviceStream stream;
    const DeviceVector<Out> out(expected.size());
    [&](const DeviceVector<In>&... on_device) {
      kernel(stream.place(), static_cast<const In*>(on_device.data())..., out.data());
      kernels::check_cuda(cudaStreamSynchronize(stream.get()), "the kernel");
    }(DeviceVector<In>(in)...);
    const std::vector<Out> found = out.values();
    if (first.empty()) first = found;
    EXPECT_TRUE(same_bits(first, found)) << "the bits depend on the order of threads";
    check(expected, found);
    if (testing::Test::HasFailure()) break;
  }
  set_order({});
}

template <typename Out>
void check_bits(const std::vector<Out>& expected, const std::vector<Out>& found) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(std::memcmp(&expected[i], &found[i], sizeof(Out)), 0)
        << "element " << i << ": the CPU has " << double(expected[i]) << ", the device " << double(found[i]);
}

template <typename Out, typename In, typename Kernel>
void expect_same_bits(const std::vector<In>& in, int64_t size, Kernel kernel,
                      const std::vector<RunOrder>& orders = run_orders()) {
  run_twins<Out>(size, kernel, check_bits<Out>, orders, in);
}
template <typename Out, typename In2, typename In, typename Kernel>
void expect_same_bits(const std::vector<In>& in, const std::vector<In2>& in2, int64_t size, Kernel kernel) {
  run_twins<Out>(size, kernel, check_bits<Out>, run_orders(), in, in2);
}

/// |device - CPU| <= roundings (magnitude + |CPU|) of Out, half a unit in the last place each.
template <typename Out>
auto check_closeness(double magnitude, double roundings) {
  return [=](const std::vector<Out>& expected, const std::vector<Out>& found) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double e = double(expected[i]), f = double(found[i]);
      ASSERT_LE(std::abs(e - f), roundings * rounding<Out>() * (magnitude + std::abs(e)))
          << "element " << i << ": the CPU has " << e << ", the device " << f;
    }
  };
}

template <typename Out, typename In, typename Kernel>
void expect_close(const std::vector<In>& in, int64_t size, double magnitude, double roundings, Kernel kernel) {
  run_twins<Out>(size, kernel, check_closeness<Out>(magnitude, roundings), run_orders(), in);
}

/// The same of a kernel with two inputs and two outputs, of about 1.
template <typename Out, typename Out2, typename In, typename In2, typename Kernel>
void expect_close_pair(const std::vector<In>& in, const std::vector<In2>& in2, int64_t size, int64_t size2,
                       double roundings, Kernel kernel) {
  std::vector<Out> expected(static_cast<std::size_t>(size)), first;
  std::vector<Out2> expected2(static_cast<std::size_t>(size2)), first2;
  kernel(kernels::Cpu{}, in.data(), in2.data(), expected.data(), expected2.data());
  for (const RunOrder& order : run_orders()) {
    SCOPED_TRACE("sizes " + std::to_string(size) + " and " + std::to_string(size2) + ", " + text_of(order));
    set_order(order);
    const DeviceStream stream;
    const DeviceVector<In> on_in(in);
    const DeviceVector<In2> on_in2(in2);
    const DeviceVector<Out> out(expected.size());
    const DeviceVector<Out2> out2(expected2.size());
    kernel(stream.place(), static_cast<const In*>(on_in.data()), static_cast<const In2*>(on_in2.data()), out.data(),
           out2.data());
    const std::vector<Out> found = out.values();
    const std::vector<Out2> found2 = out2.values();
    if (first.empty()) first = found;
    if (first2.empty()) first2 = found2;
    EXPECT_TRUE(same_bits(first, found) && same_bits(first2, found2)) << "the bits depend on the order of threads";
    check_closeness<Out>(1, roundings)(expected, found);
    check_closeness<Out2>(1, roundings)(expected2, found2);
    if (testing::Test::HasFailure()) break;
  }
  set_order({});
}

}  // namespace modr::test
