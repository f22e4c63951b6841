# The ThreadPoolExecutor example of the Python documentation (library reference, concurrent.futures;
# Zero Clause BSD licence), except that it reads the list and the number of workers from the arguments.

import concurrent.futures
import sys
import urllib.request

with open(sys.argv[1]) as lines:
    URLS = [line.rstrip('\n') for line in lines]

# Retrieve a single page and report the URL and contents
def load_url(url, timeout):
    with urllib.request.urlopen(url, timeout=timeout) as conn:
        return conn.read()

# We can use a with statement to ensure threads are cleaned up promptly
with concurrent.futures.ThreadPoolExecutor(max_workers=int(sys.argv[2])) as executor:
    # Start the load operations and mark each future with its URL
    future_to_url = {executor.submit(load_url, url, 60): url for url in URLS}
    for future in concurrent.futures.as_completed(future_to_url):
        url = future_to_url[future]
        try:
            data = future.result()
        except Exception as exc:
            print('%r generated an exception: %s' % (url, exc))
        else:
            print('%r page is %d bytes' % (url, len(data)))
