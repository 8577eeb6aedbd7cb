modr_room(config USES train LINKS yaml-cpp)
