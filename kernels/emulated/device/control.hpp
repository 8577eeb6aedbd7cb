#pragma once
#include "kernels/emulated/control.hpp"
