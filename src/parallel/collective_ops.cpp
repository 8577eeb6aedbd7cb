#include "parallel/collective_ops.hpp"

#include <numeric>

#include "base/error.hpp"
#include "parallel/message_path.hpp"

namespace modr {

namespace {

std::vector<int64_t> elements_of(const std::vector<int64_t>& rows, int64_t width) {
  std::vector<int64_t> elements(rows);
  for (int64_t& count : elements) count *= width;
  return elements;
}

// Tells what the exchange is, and afterwards again what this rank was doing.
class Announced {
 public:
  Announced(const Communicator& comm, const ExchangeLabel& label, std::string_view suffix)
      : comm_(comm), before_(comm.activity()) {
    Activity activity{.phase = "", .step = before_.step, .recurrence = label.recurrence};
    const auto end = fmt::format_to_n(activity.phase, sizeof activity.phase - 1, "{}{}", label.phase, suffix).out;
    *end = '\0';
    comm.announce(activity);
  }
  ~Announced() { comm_.announce(before_); }
  Announced(const Announced&) = delete;
  Announced& operator=(const Announced&) = delete;

 private:
  const Communicator& comm_;
  Activity before_;
};

Tensor exchange(const Tensor& x, const RowSplits& splits, const ExchangeGroup& group) {
  const auto rows_out = std::reduce(splits.send.begin(), splits.send.end());
  MODR_CHECK(x.rank() == 2 && x.size(0) == rows_out, "exchange_rows: {} rows to send of {}", rows_out,
             x.shape().to_string());
  const int64_t width = x.size(1);
  const MessagePath path = message_path(group.comm, x.device());
  const Tensor sent = x.to(path.device);
  const Tensor received =
      Tensor::empty({std::reduce(splits.receive.begin(), splits.receive.end()), width}, sent.type());
  const int64_t staying = splits.send[static_cast<std::size_t>(group.comm.rank())];
  visit_dtype(x.dtype(), [&]<typename T>() {
    path.comm.all_to_all_v(std::span<const T>(values_of<T>(sent)), elements_of(splits.send, width),
                           values_of<T>(received), elements_of(splits.receive, width));
    group.traffic->bytes += (rows_out - staying) * width * static_cast<int64_t>(sizeof(T));
  });
  ++group.traffic->exchanges;
  return received.to(x.device());
}

}  // namespace

Variable exchange_rows(const Variable& x, const RowSplits& splits, const ExchangeGroup& group,
                       const ExchangeLabel& label) {
  const Announced announced(group.comm, label, "");
  return make_result("exchange_rows", exchange(x.value(), splits, group), {x},
                     [splits, group, label](const Tensor& dout, InputGradients& grads) {
                       const Announced backwards(group.comm, label, " backward");
                       grads.give(0, exchange(dout.contiguous(), splits.turned_round(), group));
                     });
}

}  // namespace modr
