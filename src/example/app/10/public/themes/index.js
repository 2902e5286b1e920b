// The themes to choose from; each is a style sheet beside this file.
export const themes = [];

