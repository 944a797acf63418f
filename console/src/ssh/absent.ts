/** Stands for modules of Node that are never called in a browser. */
export default {};
