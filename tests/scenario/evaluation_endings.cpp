// A job of evaluation with shared branches, in which the last rank goes wrong in the middle of a recurrence: the others
// wait for its rows.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "eval/evaluation.hpp"
#include "mpi/eval/shared_branches.hpp"
#include "tools/cli/command_line.hpp"

namespace modr {
namespace {

/// Another passage, which goes wrong on its way back from the first layer's attention.
class BadPassage final : public Passage {
 public:
  BadPassage(std::shared_ptr<const Passage> good, bool throws) : good_(std::move(good)), throws_(throws) {}

  Variable dispatch(const Variable& h) const override { return good_->dispatch(h); }
  Variable combine(const Variable& passes, const Variable& gates, ops::Gate gate) const override {
    return good_->combine(passes, gates, gate);
  }
  Variable bring_home(const Variable& qkv) const override { return good_->bring_home(qkv); }
  Variable send_back(const Variable& /*attended*/) const override {
    if (throws_) fail("no memory for the keys");
    std::this_thread::sleep_for(std::chrono::seconds(60));
    fail("the job is still there");
  }
  const RowGroups& groups() const override { return good_->groups(); }
  const Offsets& away_sequences() const override { return good_->away_sequences(); }

 private:
  std::shared_ptr<const Passage> good_;
  bool throws_;
};

class BadDispatcher final : public Dispatcher {
 public:
  BadDispatcher(std::shared_ptr<const Dispatcher> good, bool throws) : good_(std::move(good)), throws_(throws) {}

  std::shared_ptr<const Passage> open(const RoutePlanPtr& plan) const override {
    return std::make_shared<BadPassage>(good_->open(plan), throws_);
  }
  void enter(int64_t recurrence) const override { good_->enter(recurrence); }
  bool opens_every_recurrence() const override { return good_->opens_every_recurrence(); }

 private:
  std::shared_ptr<const Dispatcher> good_;
  bool throws_;
};

int run(const Communicator& world, bool throws) {
  fmt::print("pid {}\n", getpid());
  std::fflush(stdout);
  world.set_timeout(5);  // (a rank that throws speaks after 1 s, and ends the job within 1 more)
  const ModrModel whole = testing::whole_model(testing::all_routings().front());
  testing::SharedModel shared = testing::share_branches(whole, world);
  if (world.rank() == world.size() - 1)
    shared.model.core().set_dispatcher(std::make_shared<BadDispatcher>(shared.exchange, throws));
  const Tokenizer tokenizer = Tokenizer::bytes();
  evaluate(world, {"tiny", shared.model, tokenizer, PromptStyle::plain, shared.exchange.get()}, tiny_tasks(),
           tiny_eval_config(), true);
  return 0;
}

}  // namespace
}  // namespace modr

int main(int argc, char** argv) {
  const bool throws = argc > 1 && argv[1] == std::string("throws");
  return modr::tools::run_on_ranks("evaluation_endings",
                                   [&](const modr::Communicator& world) { return modr::run(world, throws); });
}
