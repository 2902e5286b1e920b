/* For cppcheck alone, which does not read the libraries' headers: the macros that look like statements. */
#define json_array_foreach(a, i, v) for ((i) = 0; ((v) = json_array_get((a), (i))); (i)++)
#define json_object_foreach(o, k, v)                                                               \
	for ((k) = json_object_iter_key(json_object_iter(o)); (k) && ((v) = json_object_get((o), (k)));)
