/* SPDX-License-Identifier: MIT
 *
 * bench/json.h - writes one JSON object on one line. Non-finite numbers become null. C++ because
 * its only user is the shim. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

class json {
public:
	json &open(const char *key = nullptr, char bracket = '{')
	{
		name(key);
		text_ += bracket;
		first_ = true;
		return *this;
	}
	json &close(char bracket = '}')
	{
		text_ += bracket;
		first_ = false;
		return *this;
	}
	json &put(const char *key, const std::string &v)
	{
		name(key);
		quote(v);
		return *this;
	}
	json &put(const char *key, const char *v)
	{
		return put(key, std::string(v));
	}
	json &put(const char *key, bool v)
	{
		name(key);
		text_ += v ? "true" : "false";
		return *this;
	}
	template <typename number> json &put(const char *key, number v)
	{
		name(key);
		write(v);
		return *this;
	}
	template <typename number> json &item(number v)
	{
		name(nullptr);
		write(v);
		return *this;
	}
	const char *text() const
	{
		return text_.c_str();
	}

private:
	void name(const char *key)
	{
		if (!first_)
			text_ += ", ";
		first_ = false;
		if (key) {
			quote(key);
			text_ += ": ";
		}
	}
	void write(double v)
	{
		char s[40];

		if (std::isfinite(v)) {
			snprintf(s, sizeof(s), "%.10g", v);
			text_ += s;
		} else {
			text_ += "null";
		}
	}
	void write(int v)
	{
		text_ += std::to_string(v);
	}
	void write(int64_t v)
	{
		text_ += std::to_string(v);
	}
	void write(uint64_t v)
	{
		text_ += std::to_string(v);
	}
	void quote(const std::string &v)
	{
		text_ += '"';
		for (char c : v) {
			if (c == '"' || c == '\\') {
				text_ += '\\';
				text_ += c;
			} else if ((unsigned char)c < 0x20) {
				char s[8];

				snprintf(s, sizeof(s), "\\u%04x", c);
				text_ += s;
			} else {
				text_ += c;
			}
		}
		text_ += '"';
	}
	std::string text_;
	bool first_ = true;
};

#endif
