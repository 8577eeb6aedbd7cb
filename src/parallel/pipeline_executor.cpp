#include "parallel/pipeline_executor.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "tensor/tensor_bytes.hpp"

namespace modr {

namespace {

// A tensor on its way, and what has to stay until it has arrived.
struct Message {
  Tensor tensor;
  Pending pending;
};

// A microbatch between its two passes.
struct InFlight {
  Variable input, output;
  Message sent;  // the output
};

class Executor {
 public:
  Executor(const Communicator& replica, const RankSchedule& schedule, StageWork& work)
      : replica_(replica), instructions_(schedule.instructions), max_in_flight_(schedule.max_in_flight), work_(work) {
    for (const Instruction& next : instructions_) {
      if (next.pass == Pass::forward) continue;
      has_backward_ = true;
      flows_back_ = flows_back_ || next.send_to >= 0;
    }
  }

  PipelineTimes run() {
    const Stopwatch watch;
    const Activity before = replica_.activity();
    const Activity forward_pass{.phase = "forward pass", .step = before.step};
    const Activity backward_pass{.phase = "backward pass", .step = before.step};
    Message expected = start_receive(0);
    for (std::size_t i = 0; i < instructions_.size(); ++i) {
      const Instruction& next = instructions_[i];
      replica_.announce(next.pass == Pass::forward ? forward_pass : backward_pass);
      wait(expected.pending);
      Tensor received = std::move(expected.tensor);
      if (received.defined()) received = received.to(work_.type().device);
      expected = start_receive(i + 1);
      if (next.pass == Pass::forward)
        forward(next, received);
      else
        backward(next, received);
      release_arrived();
    }
    for (auto& [microbatch, flight] : in_flight_) wait(flight.sent.pending);
    for (Message& gradient : gradients_) wait(gradient.pending);
    replica_.announce(before);
    times_.total = watch.seconds();
    return times_;
  }

 private:
  // What instruction `index` needs of another stage: under way from here on. Nothing where it needs nothing. (From GPU
  // to GPU it would hold up all that NCCL is given behind it, and stages wait for each other in a ring: it goes by the
  // host.)
  Message start_receive(std::size_t index) {
    if (index >= instructions_.size() || instructions_[index].receive_from < 0) return {};
    const Instruction& next = instructions_[index];
    const bool forward = next.pass == Pass::forward;
    const Shape shape = forward ? work_.input_shape(next.microbatch) : work_.output_shape(next.microbatch);
    const MemoryUse use("messages");
    const TensorType type = work_.type();
    Message message{Tensor::empty(shape, {type.dtype, message_device(type.device)}), {}};
    message.pending = replica_.start_receive(bytes_of(message.tensor), next.receive_from, next.microbatch);
    return message;
  }

  Message start_send(const Tensor& tensor, const Instruction& instruction) {
    Message message{tensor.contiguous().to(message_device(tensor.device())), {}};
    message.pending = replica_.start_send(bytes_of(message.tensor), instruction.send_to, instruction.microbatch);
    return message;
  }

  void forward(const Instruction& next, const Tensor& received) {
    make_room();
    InFlight flight;
    if (received.defined()) flight.input = Variable(received, flows_back_);
    const Stopwatch watch;
    flight.output = work_.forward(next.microbatch, flight.input);
    times_.forward += watch.seconds();
    ++times_.forwards;
    MODR_CHECK(has_backward_ || !flight.output.requires_grad(),
               "microbatch {}: the output of a stage without backward passes needs a gradient", next.microbatch);
    if (next.send_to >= 0) {
      const Shape expected = work_.output_shape(next.microbatch);
      MODR_CHECK(flight.output.shape() == expected && flight.output.dtype() == work_.type().dtype,
                 "microbatch {}: the stage's output is {} {}, expected {} {}", next.microbatch,
                 name_of(flight.output.dtype()), flight.output.shape().to_string(), name_of(work_.type().dtype),
                 expected.to_string());
      flight.sent = start_send(flight.output.value(), next);
    }
    in_flight_.emplace(next.microbatch, std::move(flight));
  }

  void backward(const Instruction& next, const Tensor& received) {
    const auto found = in_flight_.find(next.microbatch);
    MODR_CHECK(found != in_flight_.end(), "microbatch {}: its backward pass comes before its forward pass",
               next.microbatch);
    InFlight flight = std::move(found->second);
    in_flight_.erase(found);
    wait(flight.sent.pending);  // its gradient is back, so it has arrived
    const Stopwatch watch;
    modr::backward(flight.output, received);
    times_.backward += watch.seconds();
    ++times_.backwards;
    if (next.send_to >= 0) gradients_.push_back(start_send(flight.input.grad_or_zeros(), next));
  }

  // Where no gradient tells that an output has been taken, the limit keeps the rank from running far ahead.
  void make_room() {
    if (has_backward_ || static_cast<int64_t>(in_flight_.size()) < max_in_flight_) return;
    wait(in_flight_.begin()->second.sent.pending);
    in_flight_.erase(in_flight_.begin());
  }

  // Asking also moves messages along. The stage before has few microbatches in flight, so few gradients are under way.
  void release_arrived() {
    for (auto& [microbatch, flight] : in_flight_) flight.sent.pending.done();
    while (!gradients_.empty() && gradients_.front().pending.done()) gradients_.pop_front();
  }

  void wait(Pending& pending) {
    const Stopwatch watch;
    pending.wait();
    times_.waiting += watch.seconds();
  }

  const Communicator& replica_;
  const std::vector<Instruction>& instructions_;
  int64_t max_in_flight_;
  StageWork& work_;
  bool has_backward_ = false;              // passes on this rank
  bool flows_back_ = false;                // a gradient, to the stage before
  std::map<int64_t, InFlight> in_flight_;  // by microbatch
  std::deque<Message> gradients_;          // sent, perhaps not arrived
  PipelineTimes times_;
};

}  // namespace

PipelineTimes run_pipeline(const Communicator& replica, const RankSchedule& schedule, StageWork& work) {
  return Executor(replica, schedule, work).run();
}

Bubble compare_bubble(const Communicator& replica, const Schedule& schedule, const PipelineTimes& mine) {
  MODR_CHECK(static_cast<std::size_t>(replica.size()) == schedule.ranks.size(), "a schedule of {} ranks for {}",
             schedule.ranks.size(), replica.size());
  const std::vector<PipelineTimes> all = replica.all_gather(mine);
  std::vector<StageTimes> means;
  double busy = 0, longest = 0;
  auto next = all.begin();
  for (const int64_t ranks : schedule.shape.ranks) {
    PipelineTimes stage;
    for (int64_t i = 0; i < ranks; ++i, ++next) {
      stage.forward += next->forward;
      stage.backward += next->backward;
      stage.forwards += next->forwards;
      stage.backwards += next->backwards;
      longest = std::max(longest, next->total);
    }
    busy += stage.forward + stage.backward;
    const auto mean = [](double seconds, int64_t count) {
      return count > 0 ? seconds / static_cast<double>(count) : 0;
    };
    means.push_back({mean(stage.forward, stage.forwards), mean(stage.backward, stage.backwards)});
  }
  const double available = longest * static_cast<double>(replica.size());
  return {available > 0 ? 1 - busy / available : 0, simulate(schedule, means).bubble};
}

}  // namespace modr
