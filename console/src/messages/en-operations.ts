/** English, of running the server: its health, limits and audit log; and of the language. */
export const operations = {
  languages: {
    title: 'Language',
  },
};
